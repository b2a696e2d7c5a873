"""What can be done with one service: each function here is a recipe over content, applied, supervisor and the checker.

None of them takes the service's lock: who calls them holds `service_lock(title)`, for as long as the steps belong together.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from firmware.errors import Failure, Invalid, Refused, from_system
from firmware.locks import CONFIG, hold
from firmware.rc import check as rc_check
from firmware.rc import document, edit
from firmware.rc.title import Title
from firmware.services import (
    applied,
    checker,
    fallback,
    generated,
    logs,
    node_ports,
    oneshot,
    permissions,
    states,
    strays,
    supervisor,
    trial,
)
from firmware.services.definition import Context, Outcome, Running, Service


def start(
    service: Service,
    context: Context,
    launched: Callable[[], None] = supervisor.do_nothing,
    *,
    checked: bool = True,
    wait: float = supervisor.UP_SECONDS,
) -> str:
    """Start it, unless it runs. Invalid if its configuration is, Refused if it is switched off, Failure if it dies. Returns
    what its checker warns of.

    `launched` is called when the daemon has been started and only its answer is waited for, `wait` seconds at most. Without
    `checked`, its own checker is left out.
    """
    if states.service_state(context.title).is_running:
        return ""
    _require_startable(service, context)
    warnings = require_valid(service, context, checked=checked)
    _start_and_record(service, context, launched, wait, warnings=warnings)
    return warnings


def stop(title: str) -> None:
    """Stop it; nothing if it does not run."""
    supervisor.stop(title)


def restart(service: Service, context: Context) -> str:
    """Stop and start it; returns what its checker warns of. What runs is not touched if the new configuration is invalid, or if
    there is no room for it; what ran comes back if the new one does not start."""
    _require_startable(service, context)
    warnings = require_valid(service, context)
    ran = states.service_state(context.title).is_running
    applied.take_snapshot(service, context, warnings=warnings)
    try:
        _start_again(service, context)
    except Failure as error:
        how = fallback.bring_back(service, context, str(error), ran=ran)
        raise Failure(f"{error}{how}", error.hint) from None
    applied.promote_snapshot(context.title)
    return warnings


def reload(service: Service, context: Context) -> Outcome:
    """Have the running daemon load what lies on disk. Refused if it does not run, Invalid, or Failure with its words."""
    if states.service_state(context.title).is_stopped:
        raise Refused(f"service {context.title} does not run", f"service {context.title} start")
    warnings = require_valid(service, context)
    done = _load_and_record(service, context, warnings=warnings)
    return replace(done, output=f"{warnings}\n{done.output}") if warnings else done


def apply(service: Service, context: Context) -> str:
    """Make what lies on disk count: checked, loaded by the daemon if it runs, and noted as applied. Returns what its checker
    warns of.

    What is switched off in config.rc is stopped.
    """
    warnings = require_valid(service, context)
    if not context.block.enabled:
        supervisor.stop(context.title)
    if states.service_state(context.title).is_stopped:
        applied.mark_applied(service, context, warnings=warnings)
    else:
        _load_and_record(service, context, warnings=warnings)
    return warnings


def dismiss(title: str) -> None:
    """Stop what is not in config.rc any more; nothing of it is applied then."""
    supervisor.stop(title)
    applied.forget(title)


def revert(service: Service, title: str, *, config: str = document.PATH) -> None:
    """Put back what is applied: the block in config.rc, and the files. Refused if nothing is."""
    applied.restore_files(service, title)
    with hold(CONFIG):
        now = document.read(config)
        old = applied.context(service, title, now)
        new = edit.replace_block(now, Title.parse(title), old.block.text if old else "")
        if new is not now:
            edit.write(new, config)
    state = states.service_state(title, details=True)
    if old and (state.crashes or state.has_failed):
        # It came back by itself, and took what lay on disk then; or it could not be started with that.
        _load_and_record(service, old, remedy=f"service {title} status")
    elif old and not state.is_stopped:
        generated.write(service, old)


def mark_failed(service: Service, context: Context, reason: str) -> None:
    """Note that a service which does not run was to be started and was not, and why: it is failed then, not stopped."""
    (oneshot if service.daemon is None else supervisor).mark_failed(context.title, reason)


def require_valid(service: Service, context: Context, *, checked: bool = True) -> str:
    """Check what lies on disk, and return what its checker warns of; Invalid, with the checker's words, if it is, or if
    addresses that it binds are taken. Without `checked` only the block in config.rc is looked at."""
    found = check(service if checked else replace(service, check=None), context)
    taken = service.conflicts(context) if checked and service.conflicts is not None and not found.status else ()
    if taken:
        found = Outcome(1, "\n".join(taken))
    if found.status:
        raise Invalid(f"service {context.title}: its configuration is invalid", problems=found.output.splitlines())
    return found.output


def check(service: Service, context: Context, *, staged: Path | None = None, path: str = document.PATH) -> Outcome:
    """What is wrong with a service: its block's directives first, then its own checker; status 0 if nothing is, with what the
    checker warns of.

    What is there is made ready before, and readable for its account. With `staged`, the checker sees that directory in the
    place of the one that the service owns. It sees the files that are generated of this context in any case.
    """
    problems = rc_check.block_problems(context.block, service, path, context.document)
    if service.generates is not None:
        problems += generated.problems_in_blocks_read(context)
    if problems:
        return Outcome(Invalid.status, "\n".join(problems))
    permissions.make_runtime_directories(service)
    oneshot.prepare_daemon(service, context)
    if staged is None:
        permissions.grant_read_access(service)
    with generated.staged_files(service, context, staged) as made:
        places = ((Path(service.owns), staged), (context.generated, made))
        overlays = {target: source for target, source in places if source}
        if service.check is None:
            return Outcome(0, "")
        taken = node_ports.words(context.document) if service.binds else []
        if service.trial is not None:
            return trial.check_by_start(service, context, taken, overlays)
        return checker.run_checker(service, [*service.check(context), *taken], overlays)


def load_from_disk(service: Service, context: Context) -> Outcome:
    """Have a running service load what lies on disk, unchecked; one that had failed is started, one that was stopped is
    left alone, one that is switched off is stopped. It says how that went, and notes nothing as applied."""
    state = states.service_state(context.title)
    if not context.block.enabled:
        supervisor.stop(context.title)
        return Outcome(0, "it is switched off")
    if state.is_stopped:
        return Outcome(0, "it does not run")
    try:
        if state.pid and service.reload is not None and supervisor.runs_as_wanted(service, context):
            generated.write(service, context)
            return _reload_in_place(service, context, state.pid)
        _start_again(service, context)
    except OSError as error:
        return Outcome(1, str(from_system(error)))
    except Failure as error:
        return Outcome(1, str(error))
    return Outcome(0, "it was started again")


def _start_again(service: Service, context: Context) -> None:
    """Stop and start its daemon. What cannot be started has failed then, and is not just stopped."""
    if service.daemon is not None:
        supervisor.stop(context.title)
    try:
        supervisor.start(service, context)
    except (Failure, OSError) as error:
        why = from_system(error) if isinstance(error, OSError) else error
        if service.daemon is not None and states.service_state(context.title).is_stopped:
            supervisor.mark_failed(context.title, str(why))
        raise why from None


def _require_startable(service: Service, context: Context) -> None:
    if not service.is_runnable:
        raise Refused(f"service {context.title}: this firmware has nothing to run for it")
    if not context.block.enabled:
        line = context.block.lines[0].number
        raise Refused(
            f"service {context.title} is switched off in config.rc, line {line}: no service {context.block.name}"
        )


def _start_and_record(
    service: Service,
    context: Context,
    launched: Callable[[], None] = supervisor.do_nothing,
    wait: float = supervisor.UP_SECONDS,
    *,
    warnings: str = "",
) -> None:
    applied.take_snapshot(service, context, warnings=warnings)
    supervisor.start(service, context, launched=launched, wait=wait)
    applied.promote_snapshot(context.title)


def _load_and_record(service: Service, context: Context, *, remedy: str = "", warnings: str = "") -> Outcome:
    ran = states.service_state(context.title).is_running
    applied.take_snapshot(service, context, warnings=warnings)
    done = load_from_disk(service, context)
    if done.status:
        how = fallback.bring_back(service, context, done.output, ran=ran)
        raise Failure(
            f"service {context.title}: not loaded: {done.output}{how}", remedy or f"service {context.title} revert"
        )
    applied.promote_snapshot(context.title)
    return done


def _reload_in_place(service: Service, context: Context, pid: int) -> Outcome:
    """Reload by the service's own means. A daemon that died of it stays down: it would do so again every second."""
    assert service.reload is not None
    title, start = context.title, logs.end_of_log(context.title)
    done = service.reload(
        Running(
            context,
            pid,
            signal=lambda name: supervisor.send_signal(title, name),
            has_ended=lambda: supervisor.daemon_pid(title) != pid,
            log_text=lambda: logs.text_since(title, start),
        )
    )
    if done.status and states.service_state(title).pid != pid:
        supervisor.mark_failed(title, done.output)
    elif not done.status and service.family and (family := service.family(pid)):
        uid, _ = permissions.account_ids(service.account.user)
        strays.end_strays(uid, family)
    return done
