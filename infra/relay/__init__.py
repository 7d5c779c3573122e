"""The way frames travel from worker to edge: a log for each job, and one live wire to each edge process.

    worker                          Redis                              edge process
    JobLog.append ──┐                                                  ┌── Follower.next
    JobLog.append ──┴─ Wire: one script for all jobs ─▶ append to logs ─┤
                       of one edge, one in flight       and PUBLISH  ──▶ RelayReader

The log is the truth, the wire is fast and may lose: a follower that sees a hole in `seq`, or falls behind
its client, reads on from the log at its own pace. Frames accumulate while a write is in flight, so that load
makes writes larger and not more. A write of a stale attempt is refused by the script (fencing), a repeated
one changes nothing.
"""
