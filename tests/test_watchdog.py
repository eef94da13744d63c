"""Calls that must end do, whatever they do about it."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time

import pytest

from nvm_lsp.watchdog import OvertimeError, limited, on_a_thread


def loops():
    while True:
        pass


def swallows():
    while True:
        try:
            while True:
                try:  # noqa: SIM105 -- the worst that somebody may write
                    len("x")
                except BaseException:
                    pass
        except BaseException:
            continue


def matches():
    re.match("(a+)+$", "a" * 60 + "b")


def sleeps():
    time.sleep(10_000)


@pytest.mark.parametrize("function", [loops, swallows, matches, sleeps])
def test_on_the_main_thread(function):
    tracing = sys.gettrace()
    with pytest.raises(OvertimeError, match=r"longer than 0\.1 s"):
        limited(function, 0.1)
    assert sys.gettrace() is tracing


@pytest.mark.parametrize("function", [loops, sleeps])
def test_on_a_thread(function):
    with pytest.raises(OvertimeError):
        on_a_thread(function, 0.1)


@pytest.mark.parametrize("how", [limited, on_a_thread])
def test_results_and_errors_come_through(how):
    assert how(lambda: 7, 60) == 7
    with pytest.raises(KeyError):
        how(lambda: {}["none"], 60)
    with pytest.raises(SystemExit):
        how(sys.exit, 60)


def test_an_alarm_that_was_set_before_still_comes():
    rang = []
    handler = signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        assert limited(lambda: 7, 60) == 7
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        while not rang:
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, left, interval)


def test_a_call_within_a_call_cannot_outlast_it():
    inside = []

    def outer():
        try:
            limited(loops, 3600)
        except OvertimeError as error:
            inside.append(error)
        loops()

    with pytest.raises(OvertimeError):
        limited(outer, 0.1)
    assert inside


def test_another_thread_has_no_signals_and_is_limited_all_the_same():
    caught = []

    def work():
        try:
            limited(loops, 0.1)
        except OvertimeError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert caught
