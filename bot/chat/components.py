"""Every kind of button and of form there is."""

from bot.chat import all_at_once, decisions, glass, rolling_back, run_again, stopping, terminating, trail
from bot.chat.buttons import Kind
from bot.chat.forms import Form

KINDS: tuple[Kind, ...] = (
    decisions.KIND,
    glass.KIND,
    all_at_once.KIND,
    terminating.KIND,
    run_again.KIND,
    trail.KIND,
    *rolling_back.KINDS,
)
FORMS: tuple[Form, ...] = (decisions.REJECT, glass.FORM, *rolling_back.FORMS, *stopping.FORMS)
