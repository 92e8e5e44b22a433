"""eksctl and kubectl on a test's PATH: hands its command line to the test's process, and ends as it is told there.

No module but a text: the rig copies it to a file of either name.
"""

import json
import os
import signal
import socket
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # dies of it, as eksctl was recorded to
sys.stdin.read()  # a program that asks has to be told that nobody is there
call = {"argv": [os.path.basename(sys.argv[0]), *sys.argv[1:]], "folder": os.getcwd(), "number": os.getpid()}
body = json.dumps(call).encode()
host, _, port = os.environ["STAND_IN_SERVER"].rpartition(":")
if os.environ.get("STAND_IN_FORKS") and os.fork():
    os.wait()  # as kubectl waits for the program that gives it a token
with socket.create_connection((host, int(port))) as line:
    line.sendall(b"POST /stand-in HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    answer = json.loads(line.makefile("rb").read().partition(b"\r\n\r\n")[2])
sys.stdout.write(answer["stdout"])
sys.stderr.write(answer["stderr"])
sys.exit(answer["exit"])
