"""Programs that want out, or everything: each with how it has to end, and what it may print."""

from dataclasses import dataclass

from contracts.tools.python import RunStatus

TRY = "\ntry:\n{}\nexcept BaseException as error:\n    print('blocked', type(error).__name__)\n"


def tried(code: str) -> str:
    """A program that tells that it was blocked."""
    return TRY.format("\n".join("    " + line for line in code.strip().splitlines()))


@dataclass(frozen=True)
class Hostile:
    """One of them."""

    code: str
    status: RunStatus = RunStatus.OK
    printed: str = ""
    """What its output holds."""
    unprinted: str = "\0"
    """What it does not."""


SYSCALLS = """
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
calls = {
    'unshare': (272, 0x10000000), 'mount': (165, b'none', b'/work', b'tmpfs', 0, 0),
    'ptrace': (101, 0, 0, 0, 0), 'bpf': (321, 0, 0, 0),
    'keyctl': (250, 0, -3, 0), 'perf': (298, 0, 0, -1, -1, 0), 'userfaultfd': (323, 0),
    'io_uring': (425, 1, 0), 'open_by_handle': (304, 0, 0, 0), 'init_module': (175, 0, 0, b''),
    'kexec': (246, 0, 0, 0, 0), 'reboot': (169, 0), 'setns': (308, 0, 0), 'chroot': (161, b'/'),
    'personality': (135, 0x40000), 'process_vm_readv': (310, 1, 0, 0, 0, 0, 0), 'packet': (41, 17, 3, 0),
    'inet': (41, 2, 1, 0), 'netlink': (41, 16, 3, 0), 'vsock': (41, 40, 1, 0), 'alg': (41, 38, 5, 0),
    'clone3': (435, 0, 0), 'clone_newuser': (56, 0x10000011, 0, 0, 0, 0), 'x32': (0x40000000 + 39,),
    'tiocsti': (16, 0, 0x5412, b'x'),
}
print('open', [name for name, call in calls.items() if libc.syscall(*call) >= 0])
"""
HOST = """
for path in ['/etc/shadow', '/etc/passwd', '/root', '/home', '/mnt', '/var', '/sys', '/dev/mem']:
    try:
        open(path, 'rb').read(1)
        print('READ', path)
    except IsADirectoryError:
        print('READ', path)
    except OSError:
        pass
for path in ['/proc/kcore', '/proc/1/environ', '/proc/self/environ']:
    try:
        print(open(path, 'rb').read(4000))
    except OSError:
        pass
import os
print(dict(os.environ), os.listdir('/'))
"""
WRITE = """
for path in ['/etc/x', '/usr/x', '/x', '/dev/x', '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger']:
    try:
        open(path, 'w').write('x')
        print('WROTE', path)
    except OSError:
        pass
"""
SOCKETS = """
import socket
for name in (ADDRESS, '/var/run/docker.sock'):
    try:
        socket.socket(socket.AF_UNIX).connect(name)
        print('OPEN')
    except OSError as error:
        print('blocked', error)
"""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
print('parent done')
"""
FORKS = """
import os, time
number = 0
try:
    while number < 5000:
        if os.fork() == 0:
            time.sleep(600)
        number += 1
except OSError:
    print('stopped', number < 70)
"""
THREADS = """
import threading, time
number = 0
try:
    while number < 5000:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        number += 1
except RuntimeError:
    print('stopped', number < 70)
"""
FILL = """
size = 0
try:
    with open('{}', 'wb') as file:
        while size < 4096:
            file.write(bytes(1 << 20))
            size += 1
except OSError:
    print('stopped', size <= 64)
"""
LINKS = """
import os
os.symlink('/etc/passwd', 'leak.txt')
os.symlink('/usr', 'folder')
os.symlink('loop', 'loop')
open('one', 'w').write('x')
os.link('one', 'two')
try:
    os.mkfifo('fifo')
except OSError:
    pass
with open('sparse', 'wb') as file:
    try:
        file.truncate(1 << 40)
    except OSError:
        pass
open(b'bad\\xff\\x1b[31m\\n.txt', 'w').write('named')
print('made')
"""
FORGED = """
import os
for pid in os.listdir('/proc'):
    if pid.isdigit() and pid not in ('1', str(os.getpid())):
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                with open(f'/proc/{pid}/fd/{fd}', 'wb', 0) as sink:
                    sink.write(b'0 3\\n0 x4 3\\n/etc12 9\\n../../../etcforged..')
            except OSError:
                pass
"""

HOSTILE = {
    "raises": Hostile("raise ValueError('boom')", RunStatus.ERROR),
    "exits": Hostile("raise SystemExit(3)", RunStatus.ERROR),
    "sockets": Hostile(
        tried("import socket; socket.create_connection(('127.0.0.1', 80), 2)"), printed="blocked"
    ),
    "names": Hostile(tried("import socket; print(socket.getaddrinfo('example.com', 80))"), printed="blocked"),
    "unix_sockets": Hostile(SOCKETS, printed="blocked", unprinted="OPEN"),
    "interfaces": Hostile("print(open('/proc/net/dev').read())", printed="lo:", unprinted="eth"),
    "host_files": Hostile(HOST, printed="PATH", unprinted="READ"),
    "secrets": Hostile(HOST, printed="PATH", unprinted="TOPSECRET"),
    "writes": Hostile(WRITE, unprinted="WROTE"),
    "capabilities": Hostile("print(open('/proc/self/status').read())", printed="CapEff:\t0000000000000000"),
    "syscalls": Hostile(SYSCALLS, printed="open []"),
    "spins": Hostile("print('start', flush=True)\nwhile True: pass", RunStatus.TIMEOUT, "start"),
    "sleeps": Hostile("import time; time.sleep(600)", RunStatus.TIMEOUT),
    "ignores_signals": Hostile(
        "import signal\nfor one in range(1, 65):\n try: signal.signal(one, signal.SIG_IGN)\n"
        " except (OSError, ValueError): pass\nwhile True: pass",
        RunStatus.TIMEOUT,
    ),
    "daemon": Hostile(DAEMON, printed="parent done"),
    "forks": Hostile(FORKS, printed="stopped True"),
    "fork_bomb": Hostile("import os\nwhile True:\n try: os.fork()\n except OSError: pass", RunStatus.TIMEOUT),
    "threads": Hostile(THREADS, printed="stopped True"),
    "memory": Hostile("all = []\nwhile True: all.append(bytearray(b'x') * (16 << 20))", RunStatus.OOM),
    "much_memory": Hostile("print(len(bytearray(8 << 30)))", RunStatus.OOM),
    "fills_tmp": Hostile(FILL.format("/tmp/big"), printed="stopped True"),  # noqa: S108
    "fills_work": Hostile(FILL.format("big"), printed="stopped True"),
    "fills_shelf": Hostile(FILL.format("/dev/shm/big"), printed="stopped True"),  # noqa: S108
    "many_files": Hostile("for one in range(10**6): open(f'{one}', 'w').close()", RunStatus.KILLED),
    "many_folders": Hostile("import os\nfor one in range(10**6): os.mkdir(f'/tmp/{one}')", RunStatus.KILLED),
    "flood": Hostile(
        "import sys\nwhile True: sys.stdout.write('A' * (1 << 20))", RunStatus.OUTPUT_LIMIT, "AAAA"
    ),
    "flood_of_errors": Hostile(
        "import sys\nwhile True: sys.stderr.write('A' * (1 << 20))", RunStatus.OUTPUT_LIMIT
    ),
    "kills_all": Hostile("import os; os.kill(-1, 9); print('alive')", RunStatus.KILLED),
    "stops_its_warden": Hostile("import os, time; os.kill(2, 19); time.sleep(600)", RunStatus.TIMEOUT),
    "crashes": Hostile("import ctypes; ctypes.string_at(0)", RunStatus.KILLED),
    "regex": Hostile("import re; re.match('(a+)+$', 'a' * 40 + 'b')", RunStatus.TIMEOUT),
    "large_number": Hostile("print((7 ** (10 ** 9)).bit_length())", RunStatus.TIMEOUT),
    "links": Hostile(LINKS, printed="made"),
    "invalid_text": Hostile(
        "import sys; sys.stdout.buffer.write(b'a\\xff\\x00b')", printed="a\N{REPLACEMENT CHARACTER}b"
    ),
}
