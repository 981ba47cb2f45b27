#!/usr/bin/env python3
"""Clients that hardly read: slow_readers.py CONNECTIONS URL...

Opens that many connections to each URL (http, by address and port), asks for the file and reads
4 KiB of each answer a second. Says "reading" once all have been asked for, and ends with its
standard input.
"""
import resource
import selectors
import socket
import sys
import time
import urllib.parse

READ = 4096
WINDOW = 64 * 1024  # what the kernel takes for us meanwhile
LOOKS = 20  # a second, each at a part of the connections


def connect(url):
    parts = urllib.parse.urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    client.connect((parts.hostname, parts.port))
    client.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    return client


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    clients = [connect(url) for url in sys.argv[2:] for _ in range(int(sys.argv[1]))]
    print("reading", flush=True)
    ended = selectors.DefaultSelector()
    ended.register(sys.stdin, selectors.EVENT_READ)
    look = 0
    while not ended.select(1 / LOOKS):
        for client in clients[look % LOOKS::LOOKS]:
            if not client.recv(READ):
                sys.exit("a server has cut a slow reader")
        look += 1


if __name__ == "__main__":
    main()
