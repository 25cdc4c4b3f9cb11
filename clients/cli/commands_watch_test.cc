#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "clients/cli/commands.h"
#include "clients/cli/testing/cli_fixture.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using testing::HasSubstr;
using testing::Not;

using Writer = grpc::ServerWriter<v1::WatchResponse>;

class WatchTest : public CliTest {
 protected:
  static v1::WatchResponse Event(const std::string& boot_id) {
    v1::WatchResponse event;
    event.set_boot_id((boot_id + std::string(16, '-')).substr(0, 16));
    return event;
  }

  static v1::Listing MakeListing(const std::string& name) {
    v1::Listing listing;
    listing.set_listing_number(1);
    listing.set_name(name);
    *listing.mutable_content() = MakeContent(1, 2048);
    return listing;
  }

  static void WriteBook(Writer* writer, const std::string& boot_id, const std::string& name) {
    v1::WatchResponse event = Event(boot_id);
    event.mutable_book_listed()->set_peer_id(1);
    *event.mutable_book_listed()->mutable_listing() = MakeListing(name);
    writer->Write(event);
  }

  static void WritePeer(Writer* writer, uint64_t books, bool listed) {
    v1::WatchResponse event = Event("boot");
    v1::Peer& peer = *event.mutable_peer_listed()->mutable_peer();
    peer.set_peer_id(1);
    peer.set_public_key(std::string(32, 'k'));
    peer.set_address("127.0.0.1:41931");
    peer.set_policy(v1::SHARE_POLICY_MOVE);
    peer.set_book_count(books);
    peer.set_listed(listed);
    writer->Write(event);
  }

  static void WriteMark(Writer* writer, const std::string& boot_id) {
    v1::WatchResponse event = Event(boot_id);
    event.mutable_snapshot_complete();
    writer->Write(event);
  }

  // Until the client has gone.
  static grpc::Status Hold(grpc::ServerContext* context) {
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  }

  static WatchOptions Quick() { return {.retry_interval = absl::Milliseconds(1)}; }
};

TEST_F(WatchTest, PrintsALineAnEvent) {
  index_.SetWatchScript([](const v1::WatchRequest&, grpc::ServerContext*, Writer* writer) {
    WritePeer(writer, 1, true);
    WriteBook(writer, "boot", "164");
    WriteMark(writer, "boot");
    WriteBook(writer, "boot", "日本");
    WritePeer(writer, 2, true);  // Only the counters: no news.
    WritePeer(writer, 2, false);
    v1::WatchResponse event = Event("boot");
    event.mutable_book_gone()->set_peer_id(1);
    *event.mutable_book_gone()->mutable_listing() = MakeListing("164");
    writer->Write(event);
    event = Event("boot");
    event.mutable_book_moved()->set_from_peer_id(1);
    event.mutable_book_moved()->set_to_peer_id(5);
    *event.mutable_book_moved()->mutable_old_listing() = MakeListing("195");
    *event.mutable_book_moved()->mutable_new_listing() = MakeListing("195 (2)");
    writer->Write(event);
    event = Event("boot");
    event.mutable_peer_gone()->set_peer_id(1);
    writer->Write(event);
    return ToGrpcStatus(MakeError(Reason::kInvalidName, "enough"));
  });
  EXPECT_EQ(RunWatch(*session_, Quick()), kExitUsage);
  EXPECT_EQ(out(),
            "  peer 1 at 127.0.0.1:41931 (move)\n"
            "  164 (2.0 KiB) at peer 1\n"
            "watching: 1 book at 1 peer so far; Ctrl-C ends\n"
            "+ 日本 (2.0 KiB) at peer 1\n"
            "= peer 1 at 127.0.0.1:41931 (move), hidden\n"
            "- 164 (2.0 KiB) at peer 1\n"
            "> 195 (2.0 KiB) from peer 1 to peer 5 as 195 (2)\n"
            "- peer 1 with all its books\n");
}

TEST_F(WatchTest, EventsThatCameTogetherArePrintedOneByOne) {
  index_.SetWatchScript([](const v1::WatchRequest&, grpc::ServerContext*, Writer* writer) {
    v1::WatchResponse message = Event("boot");
    message.mutable_book_listed()->set_peer_id(1);
    *message.mutable_book_listed()->mutable_listing() = MakeListing("164");
    message.add_more()->mutable_snapshot_complete();
    v1::WatchResponse& gone = *message.add_more();
    gone.mutable_book_gone()->set_peer_id(1);
    *gone.mutable_book_gone()->mutable_listing() = MakeListing("164");
    writer->Write(message);
    WriteBook(writer, "boot", "195");
    return ToGrpcStatus(MakeError(Reason::kInvalidName, "enough"));
  });
  EXPECT_EQ(RunWatch(*session_, Quick()), kExitUsage);
  EXPECT_EQ(out(),
            "  164 (2.0 KiB) at peer 1\n"
            "watching: 1 book at 0 peers so far; Ctrl-C ends\n"
            "- 164 (2.0 KiB) at peer 1\n"
            "+ 195 (2.0 KiB) at peer 1\n");
}

TEST_F(WatchTest, GoesOnWhereItWas) {
  std::vector<v1::WatchRequest> requests;
  const auto write = [](Writer* writer, uint64_t revision, const std::string& name) {
    v1::WatchResponse event = Event("boot");
    event.set_revision(revision);
    event.mutable_book_listed()->set_peer_id(1);
    *event.mutable_book_listed()->mutable_listing() = MakeListing(name);
    writer->Write(event);
  };
  const auto resume = [](Writer* writer, uint64_t revision) {
    v1::WatchResponse event = Event("boot");
    event.set_revision(revision);
    event.mutable_resumed();
    writer->Write(event);
  };
  const auto lost = [] { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed"); };
  index_.SetWatchScript(
      [&](const v1::WatchRequest& request, grpc::ServerContext*, Writer* writer) -> grpc::Status {
        requests.push_back(request);
        switch (requests.size()) {
          case 1:
            write(writer, 5, "in an unfinished snapshot");
            return lost();
          case 2:
            write(writer, 5, "164");
            WriteMark(writer, "boot");
            write(writer, 7, "first of a step");
            return lost();
          case 3:
            resume(writer, 7);
            write(writer, 7, "first of a step");
            write(writer, 7, "second of the step");
            return lost();
          case 4:
            // It cannot resume.
            write(writer, 9, "164");
            WriteMark(writer, "boot");
            return lost();
          default:
            return ToGrpcStatus(MakeError(Reason::kInvalidName, "enough"));
        }
      });
  EXPECT_EQ(RunWatch(*session_, Quick()), kExitUsage);
  EXPECT_EQ(out(),
            "  in an unfinished snapshot (2.0 KiB) at peer 1\n"
            "  164 (2.0 KiB) at peer 1\n"
            "watching: 1 book at 0 peers so far; Ctrl-C ends\n"
            "+ first of a step (2.0 KiB) at peer 1\n"
            "+ second of the step (2.0 KiB) at peer 1\n"
            "  164 (2.0 KiB) at peer 1\n"
            "watching: 1 book at 0 peers so far; Ctrl-C ends\n");
  EXPECT_THAT(err(), HasSubstr("no change was missed"));
  ASSERT_EQ(requests.size(), 5u);
  EXPECT_EQ(requests[1].from_revision(), 0u) << "its snapshot was not complete";
  EXPECT_EQ(requests[2].from_revision(), 7u);
  EXPECT_EQ(requests[2].from_boot_id(), Event("boot").boot_id());
  EXPECT_EQ(requests[3].from_revision(), 7u);
}

TEST_F(WatchTest, ReconnectsAndSaysWhy) {
  std::atomic<int> watches = 0;
  index_.SetWatchScript(
      [&](const v1::WatchRequest&, grpc::ServerContext* context, Writer* writer) -> grpc::Status {
        switch (++watches) {
          case 1:
            WriteBook(writer, "boot", "164");
            WriteMark(writer, "boot");
            return ToGrpcStatus(MakeError(Reason::kWatchLagged, "too slow"));
          case 2:
            WriteMark(writer, "boot");
            return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
          case 3:
            return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
          case 4:
            WriteMark(writer, "other boot");
            return ToGrpcStatus(MakeError(Reason::kShuttingDown, "the index stops"));
          default:
            interrupts_.Trigger();
            return Hold(context);
        }
      });
  EXPECT_EQ(RunWatch(*session_, Quick()), 130);
  EXPECT_EQ(err(),
            "too many changes at once, some were missed; watching again\n"
            "connected again; the current table follows:\n"
            "lost the index (cannot reach the index at " +
                index_address_ +
                ": the connection broke); retrying until it is back\n"
                "the index has restarted; the current table follows:\n"
                "lost the index (the index stops); retrying until it is back\n");
  EXPECT_EQ(out(),
            "  164 (2.0 KiB) at peer 1\n"
            "watching: 1 book at 0 peers so far; Ctrl-C ends\n"
            "watching: 0 books at 0 peers so far; Ctrl-C ends\n"
            "watching: 0 books at 0 peers so far; Ctrl-C ends\n");
}

TEST_F(WatchTest, EndsWhenItsOutputCannotBeWritten) {
  index_.SetWatchScript([](const v1::WatchRequest&, grpc::ServerContext* context, Writer* writer) {
    WriteBook(writer, "boot", "164");
    return Hold(context);
  });
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(RunWatch(*session_, Quick()), kExitFailed);
  EXPECT_EQ(err(), "") << "main reports it";
}

TEST_F(WatchTest, WithoutAnIndexAtTheStartItFails) {
  StopIndex();
  EXPECT_EQ(RunWatch(*session_, Quick()), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("cannot reach the index"));
}

TEST_F(WatchTest, SendsTheQueryAndStopsAtARefusal) {
  Mutex mutex;
  v1::WatchRequest last;
  index_.SetWatchScript([&](const v1::WatchRequest& request, grpc::ServerContext*, Writer*) {
    MutexLock lock(&mutex);
    last = request;
    return ToGrpcStatus(MakeError(Reason::kQueryEmpty, "no word in it"));
  });
  const auto seen = [&] {
    MutexLock lock(&mutex);
    return last;
  };
  EXPECT_EQ(RunWatch(*session_, {.words = {"war", "peace"}}), kExitUsage);
  EXPECT_EQ(seen().keywords(), "war peace");
  EXPECT_EQ(RunWatch(*session_, {.name = "Bu\u0308cher"}), kExitUsage);
  EXPECT_EQ(seen().name(), "Bücher");
  EXPECT_EQ(RunWatch(*session_, {.name = "../x"}), kExitUsage);
  EXPECT_EQ(index_.calls(), 2);
}

TEST_F(WatchTest, JsonIsTheEventItself) {
  session_->console.json = true;
  index_.SetWatchScript([](const v1::WatchRequest&, grpc::ServerContext*, Writer* writer) {
    WriteMark(writer, "b");
    return ToGrpcStatus(MakeError(Reason::kQueryEmpty, "no"));
  });
  EXPECT_EQ(RunWatch(*session_, Quick()), kExitUsage);
  EXPECT_EQ(out(),
            "{\"revision\":0,\"boot_id\":\"622d2d2d2d2d2d2d2d2d2d2d2d2d2d2d\",\"snapshot_"
            "complete\":{}}\n");
}

TEST_F(WatchTest, AnEventThatBreaksTheContractEndsTheWatch) {
  index_.SetWatchScript([](const v1::WatchRequest&, grpc::ServerContext* context, Writer* writer) {
    WriteBook(writer, "boot", "164");
    WriteBook(writer, "boot", "w\x1b[2J");
    return Hold(context);
  });
  EXPECT_EQ(RunWatch(*session_, Quick()), kExitFailed);
  EXPECT_EQ(out(), "  164 (2.0 KiB) at peer 1\n");
  EXPECT_THAT(err(), HasSubstr("breaks the contract: book_listed.listing"));
  EXPECT_THAT(err(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace arkshare
