// Requests of a broken or hostile caller, as the index gets them from the wire.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/channel.h"
#include "services/index/index_server.h"
#include "services/index/sessions/announce_reader.h"
#include "services/index/testing/fake_peer.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

using namespace std::string_literals;

ContentId AContent() {
  ContentId content;
  content.root.fill(7);
  content.size = 70'000;
  return content;
}

v1::AnnounceRequest AnAnnouncement() {
  v1::AnnounceRequest request;
  request.set_first_sequence(1);
  for (uint64_t number = 1; number <= 3; ++number) {
    *request.add_statements() =
        PresentStatement({number, *BookName::Parse("fuzz " + std::to_string(number)), AContent()});
  }
  *request.add_statements() = GoneStatement(2);
  request.set_snapshot_complete(true);
  request.set_free_slots(8);
  return request;
}

std::vector<std::string> WirePieces() {
  return {"\0"s,       "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
          "\x80",      "\x12\x02",
          "\x0a\x00"s, "unix:7070",
          "\x1b[2J",   std::string(300, 'a')};
}

TEST(AnnouncementFuzz, IsReadAsProtobufReadsIt) {
  Mutator inputs(9, {AnAnnouncement().SerializeAsString()}, WirePieces());
  uint64_t read = 0;
  uint64_t refused = 0;
  const uint64_t rounds = FuzzRounds(30'000);
  for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    const std::string input = inputs.Next();
    const absl::StatusOr<Announcement> ours = ReadAnnouncement(input);
    v1::AnnounceRequest theirs;
    if (!theirs.ParseFromString(input)) continue;  // names that are not UTF-8 too
    if (!ours.ok()) {
      ++refused;
      continue;
    }
    ++read;
    EXPECT_LE(ours->statements.size(), static_cast<size_t>(kMaxItems));
    EXPECT_EQ(ours->statements.size(), static_cast<size_t>(theirs.statements_size()));
    EXPECT_EQ(ours->first_sequence, theirs.first_sequence());
    EXPECT_EQ(ours->snapshot_complete, theirs.snapshot_complete());
  }
  EXPECT_GT(read, 0u);
  EXPECT_GT(refused, 0u);
}

// Sends bytes as they are, without protobuf.
class RawCaller {
 public:
  explicit RawCaller(const std::string& address)
      : stub_(MakeChannel(address, grpc::InsecureChannelCredentials())) {}

  // Sends the messages in one call, and reads until the index ends it or has answered `answers`
  // messages.
  void Call(const std::string& method, const std::vector<std::string>& messages,
            const std::string& token, int answers) {
    grpc::ClientContext context;
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    const auto call = stub_.PrepareCall(&context, "/arkshare.v1.IndexService/" + method, &queue_);
    call->StartCall(Tag());
    if (Await()) {
      bool open = true;
      for (const std::string& message : messages) {
        if (!open) break;
        const grpc::Slice slice(message);
        call->Write(grpc::ByteBuffer(&slice, 1), Tag());
        open = Await();
      }
      if (open) {
        call->WritesDone(Tag());
        Await();
      }
      grpc::ByteBuffer answer;
      for (int i = 0; i < answers; ++i) {
        call->Read(&answer, Tag());
        if (!Await()) break;
      }
    }
    context.TryCancel();
    grpc::Status status;
    call->Finish(&status, Tag());
    Await();
  }

 private:
  void* Tag() { return this; }
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
};

class IndexFuzz : public testing::Test {
 protected:
  IndexFuzz() {
    IndexOptions options;
    options.listen = "127.0.0.1:0";
    options.lease = absl::Minutes(10);
    server_ = IndexServer::Start(options).value();
    honest_ = std::make_unique<FakePeer>(server_->address());
    EXPECT_TRUE(honest_->Register().ok());
    announce_ = honest_->Announce().value();
    EXPECT_TRUE(announce_->Present(1, "an honest book", AContent()).ok());
    EXPECT_TRUE(announce_->State({}, /*snapshot_complete=*/true).ok());
  }

  // The honest peer is there, and its book is found.
  void ExpectWell() {
    EXPECT_TRUE(announce_->Beat(3).ok());
    v1::SearchRequest request;
    request.set_name("an honest book");
    grpc::ClientContext context;
    v1::SearchResponse response;
    EXPECT_TRUE(honest_->index().Search(&context, request, &response).ok());
    ASSERT_EQ(response.results_size(), 1);
    EXPECT_EQ(response.results(0).holders(0).peer_id(), honest_->peer_id());
  }

  std::unique_ptr<IndexServer> server_;
  std::unique_ptr<FakePeer> honest_;
  std::unique_ptr<FakeAnnounce> announce_;
};

TEST_F(IndexFuzz, BrokenAnnouncementsHarmNoOtherPeer) {
  FakePeer broken(server_->address());
  Mutator inputs(10, {AnAnnouncement().SerializeAsString(), ""}, WirePieces());
  RawCaller caller(server_->address());
  const uint64_t rounds = FuzzRounds(60);
  for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    if (i % 8 == 0) {
      ASSERT_TRUE(broken.Register().ok());
    }
    std::vector<std::string> messages;
    for (uint64_t n = inputs.Below(4); n > 0; --n) messages.push_back(inputs.Next());
    caller.Call("Announce", messages, broken.token(), static_cast<int>(inputs.Below(4)));
  }
  ExpectWell();
}

TEST_F(IndexFuzz, BrokenRequestsHarmNoOtherPeer) {
  v1::SearchRequest search;
  search.set_keywords("an honest");
  search.set_page_token("token");
  v1::WatchRequest watch;
  watch.set_name("an honest book");
  v1::UpdateOwnerRequest update;
  *update.add_items()->mutable_ticket() = ToProto(honest_->Release(1, AContent(), *honest_));
  *update.mutable_items(0)->mutable_new_listing() =
      ToProto(BookListing{9, *BookName::Parse("moved"), AContent()});
  FakePeer broken(server_->address());
  ASSERT_TRUE(broken.Register().ok());
  RawCaller caller(server_->address());
  const auto mutate = [&](const std::string& method, const google::protobuf::Message& good) {
    Mutator inputs(11, {good.SerializeAsString(), ""}, WirePieces());
    const uint64_t rounds = FuzzRounds(60);
    for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
      caller.Call(method, {inputs.Next()}, broken.token(), /*answers=*/1);
    }
    ExpectWell();
  };
  mutate("Search", search);
  mutate("Watch", watch);
  mutate("UpdateOwner", update);
  mutate("ListPeers", v1::ListPeersRequest());
  mutate("ListBooks", v1::ListBooksRequest());
  // Last, because one of them may replace the session.
  v1::RegisterRequest registration = broken.MakeRegister();
  registration.set_advertised_address("127.0.0.1:1");
  mutate("Register", registration);
}

}  // namespace
}  // namespace arkshare
