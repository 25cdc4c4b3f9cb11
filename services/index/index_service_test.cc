// The whole index in this process, over real connections, with fake peers.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <grpc/grpc.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/core/merkle.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/credentials.h"
#include "lib/rpc/status.h"
#include "lib/rpc/testing/silent_address.h"
#include "lib/rpc/testing/tls_files.h"
#include "services/index/index_server.h"
#include "services/index/testing/fake_peer.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Duration kTimeout = absl::Seconds(60);

template <typename T>
Reason WhyNot(const absl::StatusOr<T>& result) {
  return GetReason(result.status());
}
Reason WhyNot(const absl::Status& status) { return GetReason(status); }

// A Watch stream.
class Watcher {
 public:
  Watcher(v1::IndexService::Stub& stub, const v1::WatchRequest& request) {
    SetTimeout(context_, kTimeout);
    reader_ = stub.Watch(&context_, request);
  }
  ~Watcher() {
    context_.TryCancel();
    v1::WatchResponse response;
    while (!ended_ && reader_->Read(&response)) {
    }
    if (!ended_) reader_->Finish();
  }

  // Returns the next event; the stream's status once it has ended.
  absl::StatusOr<v1::WatchResponse> Next() {
    if (events_.empty()) {
      v1::WatchResponse message;
      if (!reader_->Read(&message)) {
        ended_ = true;
        return FromGrpcStatus(reader_->Finish(), "the index");
      }
      events_.push_back(message);
      events_.insert(events_.end(), message.more().begin(), message.more().end());
    }
    v1::WatchResponse event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  // Reads on until an event of this kind comes. Fails the test when the stream ends before.
  v1::WatchResponse Await(v1::WatchResponse::EventCase kind) {
    while (true) {
      absl::StatusOr<v1::WatchResponse> event = Next();
      if (!event.ok()) {
        ADD_FAILURE() << event.status();
        return {};
      }
      if (event->event_case() == kind) return *std::move(event);
    }
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
  std::deque<v1::WatchResponse> events_;  // of the last message, not returned yet
  bool ended_ = false;
};

class IndexServiceTest : public testing::Test {
 protected:
  IndexServiceTest() {
    // Keeps the threads of gRPC until the process ends. Otherwise every test would stop them, which
    // takes long and can fail in gRPC 1.51.
    [[maybe_unused]] static const bool kept = (grpc_init(), true);
    std::string pattern = testing::TempDir() + "/indexXXXXXX";
    folder_ = mkdtemp(pattern.data());
    options_.listen = "127.0.0.1:0";
    options_.clock = &clock_;
  }
  ~IndexServiceTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    auto server = IndexServer::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto credentials = MakeChannelCredentials(options_.tls);
    stub_ = v1::IndexService::NewStub(MakeChannel(server_->address(), *credentials));
  }
  std::unique_ptr<FakePeer> NewPeer() {
    if (server_ == nullptr) Start();
    return std::make_unique<FakePeer>(server_->address(), options_.tls);
  }
  std::unique_ptr<FakePeer> RegisteredPeer() {
    auto peer = NewPeer();
    const auto response = peer->Register();
    EXPECT_TRUE(response.ok()) << response.status();
    EXPECT_TRUE(response->reachability().reachable()) << response->DebugString();
    return peer;
  }
  static std::unique_ptr<FakeAnnounce> Announce(FakePeer& peer) {
    auto announce = peer.Announce();
    EXPECT_TRUE(announce.ok()) << announce.status();
    return *std::move(announce);
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::IndexService::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*),
                                const Request& request) {
    grpc::ClientContext context;
    SetTimeout(context, kTimeout);
    Response response;
    const absl::Status status =
        FromGrpcStatus((stub_.get()->*method)(&context, request, &response), "the index");
    if (!status.ok()) return status;
    return response;
  }
  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request) {
    return Call(&v1::IndexService::Stub::Search, request);
  }
  std::vector<uint32_t> HoldersOf(const std::string& name) {
    v1::SearchRequest request;
    request.set_name(name);
    std::vector<uint32_t> ids;
    const absl::StatusOr<v1::SearchResponse> response = Search(request);
    EXPECT_TRUE(response.ok()) << response.status();
    for (const auto& result : response->results()) {
      for (const v1::Holder& holder : result.holders()) ids.push_back(holder.peer_id());
    }
    return ids;
  }
  absl::StatusOr<v1::ListPeersResponse> ListPeers(const v1::ListPeersRequest& request) {
    return Call(&v1::IndexService::Stub::ListPeers, request);
  }
  absl::StatusOr<v1::ListBooksResponse> ListBooks(const v1::ListBooksRequest& request) {
    return Call(&v1::IndexService::Stub::ListBooks, request);
  }

  std::string folder_;
  FakeClock clock_;
  IndexOptions options_;
  std::unique_ptr<IndexServer> server_;
  std::unique_ptr<v1::IndexService::Stub> stub_;
};

// --- Register

TEST_F(IndexServiceTest, RegisterTellsAPeerAllItNeeds) {
  const auto one = NewPeer();
  const auto response = one->Register();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->peer_id(), 1u);
  EXPECT_FALSE(response->session_token().empty());
  EXPECT_EQ(response->lease().seconds(), 10);
  EXPECT_EQ(response->address(), absl::StrCat("127.0.0.1:", one->port()));
  EXPECT_TRUE(response->reachability().reachable());
  EXPECT_EQ(response->boot_id().size(), 16u);
  const auto two = NewPeer();
  EXPECT_EQ(two->Register()->peer_id(), 2u);
  const auto seven = NewPeer();
  v1::RegisterRequest request = seven->MakeRegister();
  request.set_requested_peer_id(7);
  EXPECT_EQ(seven->Register(request)->peer_id(), 7u);
}

TEST_F(IndexServiceTest, AnAdvertisedAddressIsDialledBackAndGivenToOthers) {
  const auto one = NewPeer();
  v1::RegisterRequest request = one->MakeRegister();
  request.set_advertised_address(absl::StrCat("localhost:", one->port()));
  const auto response = one->Register(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->reachability().reachable());
  EXPECT_EQ(response->address(), request.advertised_address());
}

TEST_F(IndexServiceTest, BadRegistrationsAreRefused) {
  const auto one = NewPeer();
  const std::vector<std::function<void(v1::RegisterRequest&)>> mistakes = {
      [](v1::RegisterRequest& r) { r.set_public_key("short"); },
      [](v1::RegisterRequest& r) { r.set_port(0); },
      [](v1::RegisterRequest& r) { r.set_port(65'536); },
      [](v1::RegisterRequest& r) { r.set_advertised_address("no address"); },
      [](v1::RegisterRequest& r) { r.set_advertised_address("1.2.3.4:0"); },
      [](v1::RegisterRequest& r) { r.set_registration_id("short"); },
      [](v1::RegisterRequest& r) { r.set_policy(v1::SHARE_POLICY_UNSPECIFIED); },
      [](v1::RegisterRequest& r) { r.set_policy(static_cast<v1::SharePolicy>(77)); },
  };
  for (size_t i = 0; i < mistakes.size(); ++i) {
    v1::RegisterRequest request = one->MakeRegister();
    mistakes[i](request);
    EXPECT_EQ(WhyNot(one->Register(request)), Reason::kInvalidField) << i;
  }
  v1::RegisterRequest request = one->MakeRegister();
  request.set_advertised_address("0.0.0.0:80");
  EXPECT_EQ(WhyNot(one->Register(request)), Reason::kAddressNotAllowed);
  EXPECT_THAT(ListPeers({})->peers(), IsEmpty());
}

TEST_F(IndexServiceTest, APeerThatCannotBeReachedLearnsSoAndIsNotListed) {
  const auto one = NewPeer();
  one->CloseFilePort();
  const auto response = one->Register();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_FALSE(response->reachability().reachable());
  EXPECT_EQ(response->reachability().reason(), "PORT_UNREACHABLE");
  EXPECT_THAT(response->reachability().message(), HasSubstr("--advertise"));
  const auto announce = Announce(*one);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  const auto peers = ListPeers({});
  ASSERT_THAT(peers->peers(), SizeIs(1));
  EXPECT_FALSE(peers->peers(0).listed());
}

TEST_F(IndexServiceTest, PeersOfOneNetworkLearnWhereTheyAre) {
  const auto one = RegisteredPeer();
  const auto two = RegisteredPeer();
  auto announce = Announce(*one);
  v1::AnnounceRequest place;
  place.set_local_address("192.168.1.5:4000");
  announce->Write(place);
  ASSERT_TRUE(announce->Read().ok());
  v1::ListPeersRequest near;
  near.set_same_network(true);
  auto peers = ListPeers(near);
  ASSERT_TRUE(peers.ok()) << peers.status();
  ASSERT_THAT(peers->peers(), SizeIs(1));
  EXPECT_EQ(peers->peers(0).public_key(), one->key().public_key().bytes());
  EXPECT_EQ(peers->peers(0).local_address(), "192.168.1.5:4000");
  EXPECT_THAT(ListPeers({})->peers(), SizeIs(2));
  // Only the first message of a stream counts.
  place.set_local_address("192.168.1.6:4000");
  announce->Write(place);
  ASSERT_TRUE(announce->Read().ok());
  EXPECT_EQ(ListPeers(near)->peers(0).local_address(), "192.168.1.5:4000");
  announce = Announce(*one);
  ASSERT_TRUE(announce->Beat(1).ok());
  EXPECT_THAT(ListPeers(near)->peers(), IsEmpty());
}

TEST_F(IndexServiceTest, ALocalAddressThatOthersCouldReachIsRefused) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  v1::AnnounceRequest place;
  place.set_local_address("198.51.100.1:80");
  announce->Write(place);
  EXPECT_EQ(GetReason(announce->Read().status()), Reason::kInvalidField);
}

TEST_F(IndexServiceTest, PeersBehindAFirewallThatDropsPacketsAreRegisteredAndToldSo) {
  const SilentAddress silent;
  std::vector<std::unique_ptr<FakePeer>> peers;
  for (int i = 0; i < 3; ++i) peers.push_back(NewPeer());
  for (const auto& peer : peers) {
    v1::RegisterRequest request = peer->MakeRegister();
    request.set_port(static_cast<uint32_t>(silent.port()));
    const auto response = peer->Register(request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->reachability().reason(), "PORT_UNREACHABLE");
    EXPECT_THAT(response->reachability().message(), HasSubstr("drops the packets"));
  }
}

TEST_F(IndexServiceTest, APeerOnItsMachineIsToldThatOtherMachinesDoNotSeeIt) {
  const auto alone = NewPeer();
  const auto unseen = alone->Register();
  EXPECT_EQ(unseen->reachability().reason(), "") << "the index serves no other machine";
  EXPECT_EQ(unseen->max_books(), options_.max_books);

  options_.listen = "0.0.0.0:0";
  options_.insecure = true;
  Start();
  const auto response = NewPeer()->Register();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->reachability().reachable());
  EXPECT_EQ(response->reachability().reason(), "LOOPBACK_ONLY");
  EXPECT_THAT(response->reachability().message(), HasSubstr("--advertise"));
}

TEST_F(IndexServiceTest, APeerThatDoesNotAnswerIsNotWaitedForLong) {
  options_.dial_back_timeout = absl::Milliseconds(30);
  const auto one = NewPeer();
  one->Hang();
  const auto response = one->Register();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->reachability().reason(), "PORT_UNREACHABLE");
}

TEST_F(IndexServiceTest, AnotherKeyOrAnotherRegistrationIsNoProof) {
  const auto one = NewPeer();
  one->AnswerWithAnotherKey();
  EXPECT_EQ(one->Register()->reachability().reason(), "KEY_MISMATCH");
  const auto two = NewPeer();
  two->DenyRegistrations();
  EXPECT_EQ(two->Register()->reachability().reason(), "KEY_MISMATCH");
}

TEST_F(IndexServiceTest, AnUnprovenRegistrationCannotTakeALivePeersKey) {
  const auto victim = RegisteredPeer();
  const auto announce = Announce(*victim);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  const auto thief = NewPeer();
  v1::RegisterRequest request = thief->MakeRegister();
  request.set_public_key(victim->key().public_key().bytes());
  EXPECT_EQ(WhyNot(thief->Register(request)), Reason::kKeyInUse);
  // Not even with the address of the victim, which did not begin this registration.
  request.set_port(static_cast<uint32_t>(victim->port()));
  EXPECT_EQ(WhyNot(thief->Register(request)), Reason::kKeyInUse);
  EXPECT_TRUE(announce->Beat(8).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
}

TEST_F(IndexServiceTest, TheSameKeyAgainSupersedesTheOlderSession) {
  const auto one = RegisteredPeer();
  const std::string older_token = one->token();
  const auto older = Announce(*one);
  ASSERT_TRUE(older->Present(1, "a", TestContent(1)).ok());
  ASSERT_TRUE(one->Register().ok());
  EXPECT_EQ(one->peer_id(), 1u);
  EXPECT_EQ(WhyNot(older->Read()), Reason::kSessionSuperseded);
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  FakeAnnounce again(&one->index(), older_token);
  EXPECT_EQ(WhyNot(again.Read()), Reason::kSessionSuperseded);
  EXPECT_EQ(Announce(*one)->acknowledged(), 0u);
}

TEST_F(IndexServiceTest, ACopiedFolderDoesNotThrowTheFirstPeerOut) {
  const auto first = RegisteredPeer();
  const auto announce = Announce(*first);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  const auto copy = NewPeer();
  copy->TakeKeyOf(*first);
  for (int i = 0; i < 3; ++i) {
    const absl::Status refused = copy->Register().status();
    EXPECT_EQ(GetReason(refused), Reason::kKeyInUse);
    EXPECT_THAT(refused.message(), HasSubstr("remove .arkshare from the copy"));
  }
  EXPECT_TRUE(announce->Beat(8).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
  // As soon as the first one is gone, the other takes its place, and keeps it.
  first->CloseFilePort();
  ASSERT_TRUE(copy->Register().ok());
  EXPECT_EQ(WhyNot(announce->Read()), Reason::kSessionSuperseded);
}

TEST_F(IndexServiceTest, APeerThatHasMovedTakesTheSessionOfItsOldAddressOver) {
  const auto before = RegisteredPeer();
  const auto after = NewPeer();
  after->TakeKeyOf(*before);
  before->AnswerWithAnotherKey();  // another peer is at the old address now
  ASSERT_TRUE(after->Register().ok());
  EXPECT_EQ(after->peer_id(), 1u);
}

TEST_F(IndexServiceTest, APeerWhosePortWasClosedIsHiddenUntilItAnswers) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  Watcher watcher(*stub_, {});
  watcher.Await(v1::WatchResponse::kSnapshotComplete);
  std::atomic<bool> done = false;
  // The time passes as fast as the peer can send heartbeats, so that its lease does not end.
  std::thread time([&] {
    while (!done) {
      clock_.Advance(absl::Seconds(1));
      EXPECT_TRUE(announce->Beat(1).ok());
    }
  });
  one->DenyRegistrations();
  EXPECT_EQ(watcher.Await(v1::WatchResponse::kPeerGone).peer_gone().peer_id(), 1u);
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  one->AnswerTruly();
  EXPECT_EQ(watcher.Await(v1::WatchResponse::kBookListed).book_listed().peer_id(), 1u);
  done = true;
  time.join();
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
}

TEST_F(IndexServiceTest, RegistrationsAtAClosedPortAreFewAndHoldUpNoOther) {
  const auto closed = NewPeer();
  closed->CloseFilePort();
  int accepted = 0;
  absl::Status refused;
  for (int i = 0; i < 30; ++i) {
    v1::RegisterRequest request = closed->MakeRegister();
    request.set_public_key(PrivateKey::Generate().public_key().bytes());
    const absl::Status status = closed->Register(request).status();
    accepted += status.ok() ? 1 : 0;
    if (!status.ok()) refused = status;
  }
  EXPECT_EQ(accepted, 10);
  EXPECT_EQ(GetReason(refused), Reason::kLimitExceeded);
  EXPECT_TRUE(GetRetryAfter(refused).has_value());
  RegisteredPeer();
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(closed->Register().ok());
}

// --- Announce

TEST_F(IndexServiceTest, StatedBooksAreFoundOnceAcknowledged) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  EXPECT_EQ(announce->acknowledged(), 0u);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
  ASSERT_TRUE(announce->Gone(1).ok());
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  EXPECT_EQ(announce->acknowledged(), 2u);
  ASSERT_TRUE(announce->Beat(3).ok());
  EXPECT_EQ(ListPeers({})->peers(0).free_slots(), 3u);
}

TEST_F(IndexServiceTest, ABrokenStreamHidesAtOnceAndANewOneGoesOn) {
  const auto one = RegisteredPeer();
  auto announce = Announce(*one);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  Watcher watcher(*stub_, {});
  watcher.Await(v1::WatchResponse::kSnapshotComplete);
  announce->Break();
  EXPECT_EQ(watcher.Await(v1::WatchResponse::kPeerGone).peer_gone().peer_id(), 1u);
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  EXPECT_FALSE(ListPeers({})->peers(0).listed());
  // The session is still there, and so is what it said.
  announce = Announce(*one);
  EXPECT_EQ(announce->acknowledged(), 1u);
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
}

TEST_F(IndexServiceTest, APoliteEndOfTheStreamIsLikeABrokenOne) {
  const auto one = RegisteredPeer();
  auto announce = Announce(*one);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  EXPECT_TRUE(announce->Finish().ok());
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  EXPECT_THAT(ListPeers({})->peers(), SizeIs(1));
}

TEST_F(IndexServiceTest, ASecondStreamReplacesTheFirst) {
  const auto one = RegisteredPeer();
  const auto first = Announce(*one);
  const auto second = Announce(*one);
  EXPECT_EQ(WhyNot(first->Read()), Reason::kStreamReplaced);
  ASSERT_TRUE(second->Present(1, "a", TestContent(1)).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
}

TEST_F(IndexServiceTest, SilenceEndsTheSessionWithinOneLease) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  clock_.Advance(options_.lease - absl::Milliseconds(1));
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
  // The index notices by itself, without any call of the peer.
  Watcher watcher(*stub_, {});
  watcher.Await(v1::WatchResponse::kSnapshotComplete);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(watcher.Await(v1::WatchResponse::kPeerGone).peer_gone().peer_id(), 1u);
  EXPECT_EQ(WhyNot(announce->Read()), Reason::kSessionUnknown);
  EXPECT_THAT(ListPeers({})->peers(), IsEmpty());
  EXPECT_EQ(WhyNot(one->Announce()), Reason::kSessionUnknown);
}

TEST_F(IndexServiceTest, APeerIsSilentAfterALongMessageToo) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  std::vector<v1::Statement> statements;
  for (uint64_t n = 1; n <= 100; ++n) {
    statements.push_back(PresentStatement(TestListing(n, std::to_string(n), n)));
  }
  ASSERT_TRUE(announce->State(statements).ok());
  clock_.Advance(options_.lease);
  EXPECT_EQ(WhyNot(one->Announce()), Reason::kSessionUnknown);
}

TEST_F(IndexServiceTest, BadStatementsEndTheStreamWithAReason) {
  options_.max_books = 3;
  const auto one = RegisteredPeer();
  const auto reason_for = [&](const v1::AnnounceRequest& request) {
    const auto announce = Announce(*one);
    announce->Write(request);
    return WhyNot(announce->Read());
  };
  v1::AnnounceRequest request;
  request.set_first_sequence(2);
  *request.add_statements() = GoneStatement(1);
  EXPECT_EQ(reason_for(request), Reason::kSequenceGap);
  request.set_first_sequence(1);
  *request.mutable_statements(0) = PresentStatement(TestListing(1, "a", 1));
  request.mutable_statements(0)->mutable_present()->set_name("../a");
  EXPECT_EQ(reason_for(request), Reason::kInvalidName);
  request.mutable_statements(0)->mutable_present()->set_name("a");
  request.mutable_statements(0)->mutable_present()->set_listing_number(0);
  EXPECT_EQ(reason_for(request), Reason::kInvalidField);
  *request.mutable_statements(0) = GoneStatement(0);
  EXPECT_EQ(reason_for(request), Reason::kInvalidField);
  request.mutable_statements(0)->Clear();
  EXPECT_EQ(reason_for(request), Reason::kInvalidField);
  request.clear_statements();
  for (uint64_t n = 1; n <= 1001; ++n) *request.add_statements() = GoneStatement(n);
  EXPECT_EQ(reason_for(request), Reason::kInvalidField);
  request.clear_statements();
  for (uint64_t n = 1; n <= 4; ++n) {
    *request.add_statements() = PresentStatement(TestListing(n, std::to_string(n), n));
  }
  EXPECT_EQ(reason_for(request), Reason::kLimitExceeded);
  EXPECT_EQ(Announce(*one)->acknowledged(), 3u);
}

TEST_F(IndexServiceTest, CallsOfASessionNeedItsToken) {
  const auto one = NewPeer();
  EXPECT_EQ(WhyNot(one->Announce()), Reason::kSessionUnknown);
  EXPECT_EQ(WhyNot(one->UpdateOwner(v1::UpdateOwnerRequest())), Reason::kSessionUnknown);
  const auto unregistered = Call(&v1::IndexService::Stub::Unregister, v1::UnregisterRequest());
  EXPECT_EQ(WhyNot(unregistered), Reason::kSessionUnknown);
}

TEST_F(IndexServiceTest, UnregisterRemovesAtOnceAndTwiceIsOnce) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  EXPECT_TRUE(one->Unregister().ok());
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  EXPECT_THAT(ListPeers({})->peers(), IsEmpty());
  EXPECT_TRUE(one->Unregister().ok());
  EXPECT_EQ(WhyNot(announce->Read()), Reason::kUnspecified) << "the stream ends well";
  EXPECT_EQ(WhyNot(one->Announce()), Reason::kSessionUnknown);
}

// --- Search, ListPeers, ListBooks

TEST_F(IndexServiceTest, SearchNamesTheHoldersOfABookAndTheirAddresses) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  ASSERT_TRUE(announce->Present(5, "Möby Dick.txt", TestContent(1)).ok());
  v1::SearchRequest request;
  request.set_keywords("moby DICK");
  auto response = Search(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_THAT(response->results(), SizeIs(1));
  const v1::SearchResponse::Result& result = response->results(0);
  EXPECT_EQ(result.name(), "Möby Dick.txt");
  EXPECT_EQ(*FromProto(result.content()), TestContent(1));
  EXPECT_EQ(result.holder_count(), 1u);
  const v1::Holder& holder = result.holders(0);
  EXPECT_EQ(holder.peer_id(), 1u);
  EXPECT_EQ(holder.public_key(), one->key().public_key().bytes());
  EXPECT_EQ(holder.address(), absl::StrCat("127.0.0.1:", one->port()));
  EXPECT_EQ(holder.listing_number(), 5u);
  EXPECT_EQ(holder.policy(), v1::SHARE_POLICY_MOVE);
  EXPECT_EQ(holder.free_slots(), 8u);
  *request.mutable_content() = ToProto(TestContent(1));
  EXPECT_THAT(Search(request)->results(), SizeIs(1));
  *request.mutable_content() = ToProto(TestContent(2));
  EXPECT_THAT(Search(request)->results(), IsEmpty());
}

TEST_F(IndexServiceTest, HoldersOfAPartAreFoundByContentWhenAskedFor) {
  const auto whole = RegisteredPeer();
  const auto part = RegisteredPeer();
  const auto from_whole = Announce(*whole);
  const auto from_part = Announce(*part);
  ASSERT_TRUE(from_whole->Present(5, "a", TestContent(1)).ok());
  BookListing partial = TestListing(1, "a", 1);
  partial.partial = true;
  BookListing only_partial = TestListing(2, "b", 2);
  only_partial.partial = true;
  ASSERT_TRUE(from_part
                  ->State({PresentStatement(partial), PresentStatement(only_partial)},
                          /*snapshot_complete=*/true)
                  .ok());
  v1::SearchRequest request;
  *request.mutable_content() = ToProto(TestContent(1));
  auto response = Search(request);
  ASSERT_THAT(response->results(), SizeIs(1));
  ASSERT_THAT(response->results(0).holders(), SizeIs(1));
  EXPECT_FALSE(response->results(0).holders(0).partial());
  request.set_include_partial(true);
  response = Search(request);
  ASSERT_THAT(response->results(), SizeIs(1));
  EXPECT_EQ(response->results(0).holder_count(), 1u);
  ASSERT_THAT(response->results(0).holders(), SizeIs(2));
  EXPECT_EQ(response->results(0).holders(0).peer_id(), 1u);
  const v1::Holder& holder = response->results(0).holders(1);
  EXPECT_TRUE(holder.partial());
  EXPECT_EQ(holder.peer_id(), 2u);
  EXPECT_EQ(holder.listing_number(), 1u);
  EXPECT_EQ(holder.public_key(), part->key().public_key().bytes());
  EXPECT_EQ(holder.address(), absl::StrCat("127.0.0.1:", part->port()));

  *request.mutable_content() = ToProto(TestContent(2));
  response = Search(request);
  ASSERT_THAT(response->results(), SizeIs(1));
  EXPECT_EQ(response->results(0).name(), "b");
  EXPECT_EQ(response->results(0).holder_count(), 0u);
  EXPECT_THAT(response->results(0).holders(), SizeIs(1));
  request.set_name("b");
  EXPECT_THAT(Search(request)->results(), IsEmpty());
  // No other call shows them.
  EXPECT_EQ(ListPeers({})->peers(1).book_count(), 0u);
  v1::ListBooksRequest browse;
  browse.set_peer_id(2);
  EXPECT_THAT(ListBooks(browse)->listings(), IsEmpty());

  // The book is whole.
  ASSERT_TRUE(from_part->State({GoneStatement(1), PresentStatement(TestListing(3, "a", 1))}).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1, 2));
  EXPECT_EQ(ListPeers({})->peers(1).book_count(), 1u);
}

TEST_F(IndexServiceTest, BadSearchesAreRefused) {
  Start();
  v1::SearchRequest request;
  EXPECT_EQ(WhyNot(Search(request)), Reason::kQueryEmpty);
  request.set_keywords("...");
  EXPECT_EQ(WhyNot(Search(request)), Reason::kQueryEmpty);
  request.set_name("/etc/passwd");
  EXPECT_EQ(WhyNot(Search(request)), Reason::kInvalidName);
  request.set_name("a");
  request.set_page_size(-1);
  EXPECT_EQ(WhyNot(Search(request)), Reason::kInvalidField);
  request.set_page_size(0);
  request.set_page_token("junk");
  EXPECT_EQ(WhyNot(Search(request)), Reason::kPageTokenInvalid);
}

TEST_F(IndexServiceTest, PagesOfASearchCoverEverythingOnce) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  std::vector<v1::Statement> statements;
  for (uint64_t n = 1; n <= 25; ++n) {
    statements.push_back(PresentStatement(TestListing(n, absl::StrCat("book ", n), 1)));
  }
  ASSERT_TRUE(announce->State(statements, /*snapshot_complete=*/true).ok());
  v1::SearchRequest by_words;
  by_words.set_keywords("book");
  v1::SearchRequest by_content;
  *by_content.mutable_content() = ToProto(TestContent(1));
  for (v1::SearchRequest request : {by_words, by_content}) {
    request.set_page_size(10);
    std::set<std::string> names;
    int pages = 0;
    do {
      const auto response = Search(request);
      ASSERT_TRUE(response.ok()) << response.status();
      for (const auto& result : response->results()) {
        EXPECT_TRUE(names.insert(result.name()).second);
      }
      request.set_page_token(response->next_page_token());
      ++pages;
    } while (!request.page_token().empty());
    EXPECT_EQ(names.size(), 25u);
    EXPECT_EQ(pages, 3);
  }
  // A page token belongs to its query.
  by_words.set_page_size(10);
  by_content.set_page_token(Search(by_words)->next_page_token());
  EXPECT_EQ(WhyNot(Search(by_content)), Reason::kPageTokenInvalid);
}

TEST_F(IndexServiceTest, ListPeersFindsAllOrOne) {
  std::vector<std::unique_ptr<FakePeer>> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(RegisteredPeer());
  v1::ListPeersRequest request;
  request.set_page_size(2);
  std::vector<uint32_t> ids;
  do {
    const auto response = ListPeers(request);
    ASSERT_TRUE(response.ok()) << response.status();
    for (const v1::Peer& peer : response->peers()) ids.push_back(peer.peer_id());
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(ids, ElementsAre(1, 2, 3, 4, 5));
  request.set_page_token("junk");
  EXPECT_EQ(WhyNot(ListPeers(request)), Reason::kPageTokenInvalid);

  request.set_peer_id(3);
  ASSERT_THAT(ListPeers(request)->peers(), SizeIs(1));
  EXPECT_EQ(ListPeers(request)->peers(0).public_key(), peers[2]->key().public_key().bytes());
  request.set_public_key(peers[3]->key().public_key().bytes());
  EXPECT_EQ(ListPeers(request)->peers(0).peer_id(), 4u);
  request.set_peer_id(9);
  EXPECT_THAT(ListPeers(request)->peers(), IsEmpty());
  request.set_public_key("short");
  EXPECT_EQ(WhyNot(ListPeers(request)), Reason::kInvalidField);
}

TEST_F(IndexServiceTest, ListBooksBrowsesAPeer) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  ASSERT_TRUE(announce
                  ->State({PresentStatement(TestListing(1, "b", 1)),
                           PresentStatement(TestListing(2, "c", 2)),
                           PresentStatement(TestListing(3, "a", 3))})
                  .ok());
  v1::ListBooksRequest request;
  request.set_peer_id(1);
  request.set_page_size(2);
  auto response = ListBooks(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_THAT(response->listings(), SizeIs(2));
  EXPECT_EQ(response->listings(0).name(), "a");
  EXPECT_EQ(response->listings(1).name(), "b");
  request.set_page_token(response->next_page_token());
  response = ListBooks(request);
  ASSERT_THAT(response->listings(), SizeIs(1));
  EXPECT_EQ(response->listings(0).listing_number(), 2u);
  EXPECT_EQ(response->next_page_token(), "");
  request.set_page_token("junk");
  EXPECT_EQ(WhyNot(ListBooks(request)), Reason::kPageTokenInvalid);
  request.clear_page_token();
  request.set_peer_id(2);
  EXPECT_EQ(WhyNot(ListBooks(request)), Reason::kPeerUnknown);
}

// --- UpdateOwner

TEST_F(IndexServiceTest, AMoveShowsInOneStepAndAgainChangesNothing) {
  const auto source = RegisteredPeer();
  const auto receiver = RegisteredPeer();
  const auto from = Announce(*source);
  const auto to = Announce(*receiver);
  ASSERT_TRUE(from->Present(7, "a", TestContent(1)).ok());
  const MoveTicket ticket = source->Release(7, TestContent(1), *receiver);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(receiver->UpdateOwner(ticket, TestListing(1, "a", 1)).ok());
    EXPECT_THAT(HoldersOf("a"), ElementsAre(2));
  }
  // The source's own statement comes late.
  ASSERT_TRUE(from->Present(7, "a", TestContent(1)).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(2));
  ASSERT_TRUE(from->Gone(7).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(2));
}

TEST_F(IndexServiceTest, AMoveNeedsNoLiveSource) {
  const auto source = RegisteredPeer();
  const auto receiver = RegisteredPeer();
  const auto to = Announce(*receiver);
  const MoveTicket ticket = source->Release(7, TestContent(1), *receiver);
  ASSERT_TRUE(source->Unregister().ok());
  EXPECT_TRUE(receiver->UpdateOwner(ticket, TestListing(1, "a", 1)).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(2));
}

TEST_F(IndexServiceTest, ForgedAndForeignTicketsAreRefused) {
  const auto source = RegisteredPeer();
  const auto receiver = RegisteredPeer();
  const auto from = Announce(*source);
  const auto to = Announce(*receiver);
  ASSERT_TRUE(from->Present(7, "a", TestContent(1)).ok());
  const MoveTicket good = source->Release(7, TestContent(1), *receiver);

  MoveTicket forged = good;
  forged.body.source_listing = 8;
  EXPECT_EQ(WhyNot(receiver->UpdateOwner(forged, TestListing(1, "a", 1))), Reason::kTicketInvalid);
  forged = good;
  forged.signature[5] ^= 1;
  EXPECT_EQ(WhyNot(receiver->UpdateOwner(forged, TestListing(1, "a", 1))), Reason::kTicketInvalid);
  EXPECT_EQ(WhyNot(receiver->UpdateOwner(good, TestListing(1, "a", 2))), Reason::kTicketInvalid)
      << "another content than the ticket's";
  EXPECT_EQ(WhyNot(source->UpdateOwner(good, TestListing(1, "a", 1))), Reason::kTicketInvalid)
      << "another receiver than the ticket's";
  BookListing partial = TestListing(1, "a", 1);
  partial.partial = true;
  EXPECT_EQ(WhyNot(receiver->UpdateOwner(good, partial)), Reason::kInvalidField);
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));

  v1::UpdateOwnerRequest request;
  EXPECT_EQ(WhyNot(receiver->UpdateOwner(request)), Reason::kInvalidField);
  for (int i = 0; i <= 1000; ++i) request.add_items();
  EXPECT_EQ(WhyNot(receiver->UpdateOwner(request)), Reason::kInvalidField);
}

TEST_F(IndexServiceTest, APeerThatSendsForgedTicketsWaitsAndNoOtherDoes) {
  const auto source = RegisteredPeer();
  const auto forger = RegisteredPeer();
  const auto to = Announce(*forger);
  v1::UpdateOwnerRequest request;
  for (uint64_t n = 1; n <= 1000; ++n) {
    MoveTicket ticket = source->Release(n, TestContent(n), *forger);
    ticket.signature[5] ^= 1;
    v1::UpdateOwnerRequest::Item& item = *request.add_items();
    *item.mutable_ticket() = ToProto(ticket);
    *item.mutable_new_listing() = ToProto(TestListing(n, absl::StrCat(n), n));
  }
  for (int call = 0; call < 2; ++call) {
    const auto response = forger->UpdateOwner(request);
    ASSERT_TRUE(response.ok()) << response.status();
    std::map<std::string, int> reasons;
    for (const auto& result : response->results()) ++reasons[result.error().reason()];
    EXPECT_THAT(reasons, testing::UnorderedElementsAre(testing::Pair("TICKET_INVALID", 8),
                                                       testing::Pair("QUEUE_FULL", 992)));
  }
  EXPECT_EQ(WhyNot(forger->UpdateOwner(request)), Reason::kLimitExceeded);
  const auto honest = RegisteredPeer();
  const auto honest_stream = Announce(*honest);
  const MoveTicket good = source->Release(2'000, TestContent(1), *honest);
  EXPECT_TRUE(honest->UpdateOwner(good, TestListing(1, "a", 1)).ok());
}

TEST_F(IndexServiceTest, ABatchHasAResultForEachItem) {
  const auto source = RegisteredPeer();
  const auto receiver = RegisteredPeer();
  const auto from = Announce(*source);
  const auto to = Announce(*receiver);
  std::vector<TicketBody> bodies;
  std::vector<v1::Statement> statements;
  for (uint64_t n = 1; n <= 100; ++n) {
    statements.push_back(PresentStatement(TestListing(n, absl::StrCat(n), n)));
    bodies.push_back({TransferId::Random(), source->key().public_key(), n,
                      receiver->key().public_key(), TestContent(n)});
  }
  ASSERT_TRUE(from->State(statements).ok());
  v1::UpdateOwnerRequest request;
  for (const MoveTicket& ticket : IssueTickets(source->key(), bodies)) {
    v1::UpdateOwnerRequest::Item& item = *request.add_items();
    *item.mutable_ticket() = ToProto(ticket);
    const uint64_t n = ticket.body.source_listing;
    *item.mutable_new_listing() = ToProto(TestListing(n, absl::StrCat(n), n));
  }
  request.mutable_items(41)->mutable_ticket()->set_signature(std::string(64, 'x'));
  request.mutable_items(42)->mutable_new_listing()->set_name("..");
  request.mutable_items(43)->mutable_new_listing()->set_listing_number(1);
  const auto response = receiver->UpdateOwner(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_THAT(response->results(), SizeIs(100));
  for (int i = 0; i < 100; ++i) {
    const std::string expected = i == 41   ? "TICKET_INVALID"
                                 : i == 42 ? "INVALID_NAME"
                                 : i == 43 ? "INVALID_FIELD"
                                           : "";
    EXPECT_EQ(response->results(i).error().reason(), expected) << i;
  }
  EXPECT_THAT(HoldersOf("1"), ElementsAre(2));
  EXPECT_THAT(HoldersOf("100"), ElementsAre(2));
  EXPECT_THAT(HoldersOf("42"), ElementsAre(1));
  EXPECT_THAT(HoldersOf("43"), ElementsAre(1));
}

// --- Watch

TEST_F(IndexServiceTest, WatchSendsASnapshotAMarkAndTheChanges) {
  const auto one = RegisteredPeer();
  const auto two = RegisteredPeer();
  const auto from = Announce(*one);
  ASSERT_TRUE(from->Present(7, "a", TestContent(1)).ok());
  Watcher watcher(*stub_, {});
  auto event = watcher.Next();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->peer_listed().peer().peer_id(), 1u);
  EXPECT_EQ(event->boot_id().size(), 16u);
  const uint64_t revision = event->revision();
  event = watcher.Next();
  EXPECT_EQ(event->book_listed().listing().name(), "a");
  EXPECT_EQ(event->revision(), revision);
  event = watcher.Next();
  EXPECT_TRUE(event->has_snapshot_complete());
  EXPECT_EQ(event->revision(), revision);

  const auto to = Announce(*two);
  EXPECT_EQ(watcher.Await(v1::WatchResponse::kPeerListed).peer_listed().peer().peer_id(), 2u);
  const MoveTicket ticket = one->Release(7, TestContent(1), *two);
  ASSERT_TRUE(two->UpdateOwner(ticket, TestListing(1, "mine", 1)).ok());
  event = watcher.Next();
  EXPECT_EQ(event->book_moved().from_peer_id(), 1u);
  EXPECT_EQ(event->book_moved().to_peer_id(), 2u);
  EXPECT_EQ(event->book_moved().old_listing().listing_number(), 7u);
  EXPECT_EQ(event->book_moved().new_listing().name(), "mine");
  EXPECT_EQ(event->revision(), revision + 2);
  ASSERT_TRUE(to->Gone(1).ok());
  EXPECT_EQ(watcher.Next()->book_gone().listing().name(), "mine");
  ASSERT_TRUE(one->Unregister().ok());
  EXPECT_EQ(watcher.Next()->peer_gone().peer_id(), 1u);
}

TEST_F(IndexServiceTest, WatchOfAQueryShowsOnlyWhatMatches) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  v1::WatchRequest request;
  request.set_keywords("emma");
  Watcher watcher(*stub_, request);
  watcher.Await(v1::WatchResponse::kSnapshotComplete);
  ASSERT_TRUE(announce->Present(1, "Moby Dick", TestContent(1)).ok());
  ASSERT_TRUE(announce->Present(2, "Emma", TestContent(2)).ok());
  EXPECT_EQ(watcher.Next()->book_listed().listing().name(), "Emma");

  request.set_keywords("-");
  EXPECT_EQ(WhyNot(Watcher(*stub_, request).Next()), Reason::kQueryEmpty);
  request.set_name("..");
  EXPECT_EQ(WhyNot(Watcher(*stub_, request).Next()), Reason::kInvalidName);
}

TEST_F(IndexServiceTest, AWatcherThatDoesNotReadIsCutOff) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  Watcher watcher(*stub_, {});
  watcher.Await(v1::WatchResponse::kSnapshotComplete);
  // Far more than the connection's buffers hold.
  const std::string name(200, 'x');
  for (uint64_t message = 0; message < 100; ++message) {
    std::vector<v1::Statement> statements;
    for (uint64_t n = 1; n <= 1000; ++n) {
      const uint64_t number = message * 1000 + n;
      statements.push_back(PresentStatement(TestListing(number, absl::StrCat(name, number), 1)));
    }
    ASSERT_TRUE(announce->State(statements).ok());
  }
  absl::StatusOr<v1::WatchResponse> event = watcher.Next();
  while (event.ok()) event = watcher.Next();
  EXPECT_EQ(WhyNot(event), Reason::kWatchLagged);
}

// --- the server

TEST_F(IndexServiceTest, StoppingEndsAllStreamsWithAReason) {
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  Watcher watcher(*stub_, {});
  watcher.Await(v1::WatchResponse::kSnapshotComplete);
  server_->Stop();
  EXPECT_EQ(WhyNot(announce->Read()), Reason::kShuttingDown);
  // It may still hear that the peer's stream has ended.
  absl::StatusOr<v1::WatchResponse> event = watcher.Next();
  while (event.ok()) event = watcher.Next();
  EXPECT_EQ(WhyNot(event), Reason::kShuttingDown);
  server_->Stop();
}

TEST_F(IndexServiceTest, StoppingDoesNotWaitForADialBack) {
  options_.dial_back_timeout = absl::Hours(1);
  const auto one = NewPeer();
  one->Hang();
  grpc::ClientContext context;
  v1::RegisterResponse response;
  const v1::RegisterRequest request = one->MakeRegister();
  std::atomic<bool> ended = false;
  one->index().async()->Register(&context, &request, &response, [&](const grpc::Status& status) {
    EXPECT_FALSE(status.ok());
    ended = true;
    ended.notify_all();
  });
  server_->Stop();
  ended.wait(false);
}

TEST_F(IndexServiceTest, WithAStateFileNumbersOutliveARestart) {
  options_.state_file = folder_ + "/state";
  auto one = RegisteredPeer();
  auto two = RegisteredPeer();
  EXPECT_EQ(two->peer_id(), 2u);
  const std::string address = server_->address();
  server_.reset();
  options_.listen = address;
  Start();
  // The second comes back first; a newcomer gets neither number.
  ASSERT_TRUE(two->Register().ok());
  EXPECT_EQ(two->peer_id(), 2u);
  EXPECT_EQ(RegisteredPeer()->peer_id(), 3u);
  ASSERT_TRUE(one->Register().ok());
  EXPECT_EQ(one->peer_id(), 1u);
}

TEST_F(IndexServiceTest, WithAStateFileASessionOutlivesARestart) {
  options_.state_file = folder_ + "/state";
  auto peer = NewPeer();
  v1::RegisterRequest request = peer->MakeRegister();
  request.set_keep_session(true);
  ASSERT_TRUE(peer->Register(request).ok());
  ASSERT_TRUE(Announce(*peer)->Present(1, "a book", TestContent(1)).ok());
  auto other = RegisteredPeer();
  ASSERT_TRUE(Announce(*other)->Present(1, "a book", TestContent(1)).ok());
  options_.listen = server_->address();
  server_.reset();
  Start();
  // The index does not dial it back.
  peer->CloseFilePort();
  auto stream = Announce(*peer);
  EXPECT_EQ(stream->acknowledged(), 0u);
  ASSERT_TRUE(stream->Present(1, "a book", TestContent(1)).ok());
  EXPECT_THAT(HoldersOf("a book"), ElementsAre(peer->peer_id()));
  // A peer that did not ask for it registers again.
  EXPECT_EQ(WhyNot(other->Announce()), Reason::kSessionUnknown);
}

TEST_F(IndexServiceTest, AStateFileThatCouldNotBeWrittenIsWrittenLater) {
  options_.state_file = folder_ + "/state";
  Start();
  // A folder is in the way of the first write, which then removes what it has written.
  std::filesystem::remove(options_.state_file);
  std::filesystem::create_directory(options_.state_file);
  const int removals = inotify_init1(IN_CLOEXEC);
  ASSERT_GE(inotify_add_watch(removals, folder_.c_str(), IN_DELETE), 0);
  const auto first = RegisteredPeer();
  clock_.Advance(absl::Seconds(2));
  pollfd removed{removals, POLLIN, 0};
  ASSERT_EQ(poll(&removed, 1, 60'000), 1) << "it was never written";
  close(removals);
  std::filesystem::remove(options_.state_file);
  options_.listen = server_->address();
  server_.reset();
  Start();
  EXPECT_EQ(RegisteredPeer()->peer_id(), 2u) << "the first one may come back";
}

TEST_F(IndexServiceTest, ABadStateFileIsReportedAtTheStart) {
  options_.state_file = folder_ + "/no/such/folder/state";
  EXPECT_FALSE(IndexServer::Start(options_).ok());
  options_.state_file = folder_;
  EXPECT_FALSE(IndexServer::Start(options_).ok());
}

TEST_F(IndexServiceTest, TlsHoldsForTheDialBackToo) {
  const auto ca = TestCa::Make(folder_, "ca");
  if (!ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  options_.tls = ca->Issue("all").value();
  const auto one = RegisteredPeer();
  const auto announce = Announce(*one);
  ASSERT_TRUE(announce->Present(1, "a", TestContent(1)).ok());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
}

}  // namespace
}  // namespace arkshare
