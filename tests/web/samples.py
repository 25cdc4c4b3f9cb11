"""Books, peers and transfers for the tests of the web page."""

from fixture import content_of, id_of, root_of

TITLES = ["The Hobbit.epub", "Letters.pdf", "Silmarillion.epub", "Unfinished Tales.epub",
          "Solaris.epub", "Emma.epub", "Iliad.pdf", "Dune.m4b"]


def entry(name, size, **more):
    return {"path": id_of("p" + name), "name": name, "sizeBytes": str(size),
            "listing": {"listingNumber": "7", "name": name, "content": content_of(name, size)},
            "listedTime": "2026-11-20T10:00:00Z", **more}


def library(count, first=0):
    """A large library in order of name, or a part of it."""
    return [entry(f"shelf {i // 1000:04}/book {i:07}.epub", 1000 + i * 7919 % 100000)
            for i in range(first, first + count)]


def unshared(name, reason):
    return {"path": id_of("p" + name), "name": name, "sizeBytes": "3000", "unsharedReason": reason}


def holder(peer, lends=False, slots=1):
    return {"peerId": peer, "publicKey": root_of(f"peer {peer}"), "address": f"192.0.2.{peer}:4000",
            "listingNumber": "12", "policy": f"SHARE_POLICY_{'COPY' if lends else 'MOVE'}",
            "freeSlots": slots}


def result(name, size, *holders):
    return {"name": name, "content": content_of(name, size), "holders": list(holders),
            "holderCount": len(holders)}


def transfer(name, state, size=1000000, done=0, **more):
    return {"transferId": id_of("t" + name), "name": name, "content": content_of(name, size),
            "state": f"TRANSFER_STATE_{state}", "bytesDone": str(done), "fromPeerId": 3,
            "startTime": "2026-11-30T10:00:00Z", **more}


def furnish(peer):
    """A peer with something in every view."""
    peer.put("library", [
        entry("audio/Dune.m4b", 431 << 20),
        entry("Emma.epub", 900 << 10, lendOnly=True, lendOnlyReason="the file has more than one hard link"),
        unshared("notes:draft.txt", "the name has a colon"),
        {"path": id_of("new"), "name": "new.flac", "sizeBytes": str(31 << 20)},
        *(entry(f"fantasy/{i:02} of the saga.epub", (i + 1) << 20) for i in range(40))])
    peer.put("transfers", [
        transfer("Dune Messiah.m4b", "FETCHING", 400 << 20, 244 << 20, bytesPerSecond=str(8 << 20),
                 moving=True, contributions=[{"peerId": 3, "bytes": "700"}, {"peerId": 9, "bytes": "300"}]),
        transfer("Solaris.epub", "QUEUED", queuePosition=3, estimatedWait="120s", fromPeerId=12),
        transfer("Persuasion.epub", "HANDING_OVER", done=1000000, moving=True, fromPeerId=4,
                 message="peer 4 is away"),
        transfer("Iliad.pdf", "FAILED", error={"code": 8, "reason": "DISK_FULL",
                                               "message": "no room: 1.2 GiB missing"}),
        *(transfer(f"done {i}.epub", "DONE", done=1000000) for i in range(5))])
    peer.put("uploads", [
        {"uploadId": "1", "state": "UPLOAD_STATE_RUNNING", "name": "Moby Dick.epub", "bytesSent": "310",
         "content": content_of("Moby", 1000), "bytesPerSecond": str(3 << 20),
         "receiverAddress": "192.0.2.17:4000"},
        {"uploadId": "2", "state": "UPLOAD_STATE_WAITING", "name": "Ulysses.epub", "queuePosition": 1,
         "receiverAddress": "192.0.2.20:4000"}])
    peer.put("limbo", [{"transferId": id_of("l"), "name": "Walden.epub", "content": content_of("W", 5000),
                        "receiverPublicKey": root_of("peer 7"), "releaseTime": "2026-11-30T09:00:00Z"}])
    peer.put("wishes", [
        {"wishId": id_of("w1"), "keywords": "le guin", "action": "WISH_ACTION_TELL", "foundCount": "2",
         "watched": True, "found": [{"name": "The Dispossessed.epub", "peerId": 4,
                                     "time": "2026-11-30T09:00:00Z"}]},
        {"wishId": id_of("w2"), "name": "Iliad.pdf", "action": "WISH_ACTION_ANY", "watched": True}])
    peer.results = [
        result("fantasy/Tolkien - The Hobbit.epub", 2 << 20, holder(3), holder(4), holder(8)),
        result("Tolkien - Letters.pdf", 14 << 20, holder(9, lends=True, slots=0)),
        result("Tolkien - Silmarillion.epub", 1800 << 10, holder(2)),
        result("Tolkien - Unfinished Tales.epub", 1900 << 10, holder(4)),
        result("taken Tolkien.epub", 1000, holder(4))]
    peer.peers = [{"peerId": n, "publicKey": root_of(f"peer {n}"), "address": f"192.0.2.{n}:4000",
                   "policy": "SHARE_POLICY_COPY" if n % 3 == 0 else "SHARE_POLICY_MOVE",
                   "bookCount": str(n * 311), "freeSlots": n % 9, "listed": n != 12}
                  for n in range(1, 24)]
    peer.books = {3: [{"listingNumber": str(i), "name": f"{'poetry' if i % 2 else 'prose'}/{i:03}.epub",
                       "content": content_of(f"b{i}", 1000 + i)} for i in range(1, 120)]}
    return peer
