"""What is sent to the bot is signed, tried again as its sender does, and can be lost, doubled and reordered."""

from sandbox import bodies
from sandbox.bodies import Bodies
from sandbox.notifications import Notifications
from sandbox.senders import Senders
from sandbox.world import World
from tests.sandbox.receiver import Receiver


async def test_a_notification_is_the_template_of_the_set_up(world: World) -> None:
    world.release("staging", "backend")
    await world.settle()
    notice = world.notices[0]
    body = bodies.argocd(notice.document)
    assert list(body) == [
        *("schema", "app", "uid", "project", "sync", "compared_revision", "health", "operation", "conditions", "images")
    ]
    app = world.application("staging")
    assert (body["schema"], body["app"], body["uid"], body["project"]) == (1, "tiketi-staging", app.uid, "tiketi")
    assert (body["sync"], body["compared_revision"], body["conditions"]) == ("Synced", app.revision, None)
    assert body["operation"]["operation"]["initiatedBy"] == {"automated": True}


async def test_notifications_are_lost_doubled_and_come_in_the_wrong_order(
    running: World, notifications: Notifications, receiver: Receiver
) -> None:
    async def told_of_a_release() -> list[str]:
        receiver.requests.clear()
        running.release("staging", "backend")
        await running.settle()
        await notifications.sent()
        return [word.rpartition(" ")[2] for word in receiver.told()]

    faults = notifications.faults
    faults.lose = 1
    assert await told_of_a_release() == ["Healthy"]
    faults.copies = 2
    assert await told_of_a_release() == ["Progressing", "Progressing", "Healthy", "Healthy"]
    faults.copies, faults.hold = 1, True
    assert await told_of_a_release() == []
    notifications.release()
    await notifications.sent()
    assert [word.rpartition(" ")[2] for word in receiver.told()] == ["Healthy", "Progressing"]


async def test_a_bot_that_is_away_costs_a_delivery_and_no_run(
    receiver: Receiver, senders: Senders, world: World
) -> None:
    receiver.status = 503
    assert await senders.github("ping", Bodies(world.topology).ping(hook_id=1)) == 503
    assert await senders.argocd({"schema": 1}) == 503
    assert len(receiver.received("POST", "/argocd")) == 4
    receiver.status = 400
    assert await senders.argocd({"schema": 1}) == 400
    assert len(receiver.received("POST", "/argocd")) == 5
    await receiver.stop()
    assert await senders.github("ping", Bodies(world.topology).ping(hook_id=1)) is None


async def test_a_wrong_secret_and_a_redelivery(receiver: Receiver, senders: Senders) -> None:
    assert await senders.github("ping", {"zen": "é"}, delivery="one") == 202
    assert await senders.github("ping", b'{"zen": 1}', delivery="one") == 202
    assert await senders.github("ping", {"zen": ""}, secret="wrong") == 401
    assert [item.headers["x-github-delivery"] for item in receiver.requests][:2] == ["one", "one"]
    assert await senders.ci({"schema": 1}, token="wrong") == 401
