#!/usr/bin/python3
"""One libtorrent session, with the settings that make it fastest between few peers on one machine.

  torrent.py make 1|2 WHAT TORRENT          makes a torrent of version 1 or 2 of a file or a folder
  torrent.py seed TORRENT FOLDER ADDRESS    seeds WHAT, which is in FOLDER; prints "ready ADDRESS:PORT"
  torrent.py leech TORRENT FOLDER ADDRESS   prints the same, reads "ADDRESS:PORT ..." of the others from
                                            stdin, fetches from them, and prints "done"
A seed ends with its stdin; a leech, which seeds when it is done, too.
"""

import os
import sys
import time

import libtorrent

PIECE = 1 << 20


def make(version, what, path):
    storage = libtorrent.file_storage()
    libtorrent.add_files(storage, what)
    flags = libtorrent.create_torrent.v2_only if version == "2" else \
        libtorrent.create_torrent.v1_only
    torrent = libtorrent.create_torrent(storage, PIECE, flags)
    libtorrent.set_piece_hashes(torrent, os.path.dirname(what))
    with open(path, "wb") as file:
        file.write(libtorrent.bencode(torrent.generate()))


def session(address):
    settings = libtorrent.high_performance_seed()
    settings.update({
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_outgoing_utp": False, "enable_incoming_utp": False,
        "allow_multiple_connections_per_ip": True,
        "out_enc_policy": libtorrent.enc_policy.pe_disabled,
        "in_enc_policy": libtorrent.enc_policy.pe_disabled,
        "connection_speed": 200, "min_reconnect_time": 1, "max_out_request_queue": 1500, "send_buffer_watermark": 4 << 20,
        "aio_threads": 2, "hashing_threads": 2, "alert_mask": 0,
        "listen_interfaces": f"{address}:0",
    })
    return libtorrent.session(settings)


def add(own, path, folder, seeding):
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(path)
    parameters.save_path = folder
    parameters.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
    if seeding:
        parameters.flags |= libtorrent.torrent_flags.seed_mode
    return own.add_torrent(parameters)


def fetch(torrent, others):
    connect_at = 0
    while not torrent.status().is_seeding:
        # Once more when it lost all peers: by itself it would wait for a minute.
        if time.monotonic() >= connect_at and torrent.status().num_peers == 0:
            for other in others:
                host, port = other.split(":")
                torrent.connect_peer((host, int(port)))
            connect_at = time.monotonic() + 5
        time.sleep(0.005)


def main():
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
        return
    role, path, folder, address = sys.argv[1:]
    own = session(address)
    torrent = add(own, path, folder, seeding=True) if role == "seed" else None
    while own.listen_port() == 0:
        time.sleep(0.005)
    print(f"ready {address}:{own.listen_port()}", flush=True)
    if role == "leech":
        others = sys.stdin.readline().split()
        fetch(add(own, path, folder, seeding=False), others)
        print("done", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
