"""Runs a command on a pseudo-terminal: terminal.py COLUMNS ROWS COMMAND...

What the terminal gets goes to standard output. Each line of standard input is JSON: {"keys": TEXT} types, {"resize": [COLUMNS, ROWS]} changes
the size as a window does. The exit status is the command's, or 128 and the number of its signal.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios


def main():
    columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    master, slave = pty.openpty()
    resize(master, columns, rows)
    child = os.fork()
    if child == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for number in (0, 1, 2):
            os.dup2(slave, number)
        os.close(master)
        os.close(slave)
        os.execvp(command[0], command)
    os.close(slave)
    orders = b""
    sources = [master, 0]
    while copy_output(master, select.select(sources, [], [])[0]):
        if 0 not in select.select(sources, [], [], 0)[0]:
            continue
        read = os.read(0, 65536)
        if not read:
            sources.remove(0)
        *lines, orders = (orders + read).split(b"\n")
        for line in lines:
            obey(json.loads(line), master, child)
    _, status = os.waitpid(child, 0)
    sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def copy_output(master, ready):
    """False once nothing more can come."""
    if master not in ready:
        return True
    try:
        output = os.read(master, 65536)
    except OSError:
        output = b""
    if output:
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()
    return bool(output)


def obey(order, master, child):
    if "keys" in order:
        os.write(master, order["keys"].encode())
    if "resize" in order:
        # Held meanwhile, so that no output is drawn for one size and shown at the other.
        os.kill(child, signal.SIGSTOP)
        os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        while select.select([master], [], [], 0)[0] and copy_output(master, [master]):
            pass
        columns, rows = order["resize"]
        resize(master, columns, rows)
        # As terminals report their size: the reader changes its own here.
        report = b"\x1b[8;%d;%dt" % (rows, columns)
        sys.stdout.buffer.write(report)
        sys.stdout.buffer.flush()
        os.kill(child, signal.SIGCONT)


def resize(master, columns, rows):
    # The kernel sends SIGWINCH to the foreground of the terminal.
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


main()
