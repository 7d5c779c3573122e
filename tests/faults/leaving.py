"""Takes dead workers out of their consumer group, as the broker does when their sessions are over.

A session is 6 s at least, by Kafka's own limit; a test of fifty deaths cannot wait for each.
"""

from aiokafka.errors import NoError, UnknownMemberIdError, for_code
from aiokafka.protocol.group import LeaveGroupRequest

from contracts.topics import Topic, worker_group
from infra.bus.topics import open_admin
from infra.settings import KafkaSettings


async def all_leave(kafka: KafkaSettings, topic: Topic) -> None:
    """The group of a topic's workers, none of which lives, has no member any more."""
    if kafka.flavor != "kafka":
        return
    group_id = worker_group(topic)
    async with open_admin(kafka) as admin:
        coordinator = await admin.find_coordinator(group_id)
        (described,) = await admin.describe_consumer_groups([group_id], coordinator)
        for _error, _group, _state, _kind, _protocol, members, *_rest in described.groups:
            for member_id, *_about in members:
                left = await admin._send_request(  # its admin has no call for this
                    LeaveGroupRequest(group_id, member_id), coordinator
                )
                assert for_code(left.error_code) in (NoError, UnknownMemberIdError), left
