#include "lib/rpc/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "arkshare/v1/index.pb.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/limits.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

const std::string& AnyKey() {
  static const std::string* const key =
      new std::string(PrivateKey::Generate().public_key().bytes());
  return *key;
}

v1::Listing GoodListing() {
  v1::Listing listing;
  listing.set_listing_number(1);
  listing.set_name("195");
  listing.mutable_content()->set_root(std::string(32, 'r'));
  listing.mutable_content()->set_size_bytes(5);
  return listing;
}

v1::Peer GoodPeer() {
  v1::Peer peer;
  peer.set_peer_id(1);
  peer.set_public_key(AnyKey());
  peer.set_address("192.0.2.1:7070");
  peer.set_policy(v1::SHARE_POLICY_MOVE);
  return peer;
}

v1::Holder GoodHolder(bool partial = false) {
  v1::Holder holder;
  holder.set_peer_id(1);
  holder.set_public_key(AnyKey());
  holder.set_address("192.0.2.1:7070");
  holder.set_listing_number(7);
  holder.set_policy(v1::SHARE_POLICY_COPY);
  holder.set_partial(partial);
  return holder;
}

v1::RegisterResponse GoodRegistration() {
  v1::RegisterResponse answer;
  answer.set_peer_id(1);
  answer.set_session_token("token");
  answer.mutable_lease()->set_seconds(10);
  answer.set_address("192.0.2.1:7070");
  answer.set_boot_id(std::string(16, 'b'));
  return answer;
}

v1::SearchRequest ByContent() {
  v1::SearchRequest request;
  *request.mutable_content() = GoodListing().content();
  request.set_include_partial(true);
  return request;
}

v1::SearchResponse GoodResults() {
  v1::SearchResponse answer;
  v1::SearchResponse::Result& result = *answer.add_results();
  result.set_name("195");
  *result.mutable_content() = GoodListing().content();
  for (int i = 0; i < kMaxWholeHolders; ++i) *result.add_holders() = GoodHolder();
  for (int i = 0; i < kMaxPartialHolders; ++i) *result.add_holders() = GoodHolder(true);
  return answer;
}

// Breaks a good answer in one field; `field` is a part of the error.
template <typename Answer>
struct Broken {
  const char* field;
  std::function<void(Answer&)> breaks;
};

template <typename Request, typename Answer>
void ExpectRefused(const Request& request, const Answer& good,
                   const std::vector<Broken<Answer>>& all) {
  EXPECT_TRUE(CheckAnswer(request, good).ok()) << CheckAnswer(request, good);
  for (const Broken<Answer>& broken : all) {
    Answer answer = good;
    broken.breaks(answer);
    const absl::Status status = CheckAnswer(request, answer);
    EXPECT_EQ(GetReason(status), Reason::kAnswerInvalid) << broken.field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(broken.field));
  }
}

TEST(AnswersTest, ARegistrationHasALeaseAnAddressAndAToken) {
  using A = v1::RegisterResponse;
  constexpr int64_t kHuge = int64_t{1} << 62;
  ExpectRefused<v1::RegisterRequest, A>(
      {}, GoodRegistration(),
      {{"peer_id", [](A& a) { a.set_peer_id(0); }},
       {"session_token", [](A& a) { a.clear_session_token(); }},
       {"session_token", [](A& a) { a.set_session_token("a\nb"); }},
       {"session_token", [](A& a) { a.set_session_token(std::string(257, 't')); }},
       {"lease", [](A& a) { a.clear_lease(); }},
       {"lease", [](A& a) { a.mutable_lease()->set_seconds(0); }},
       {"lease", [](A& a) { a.mutable_lease()->set_seconds(-5); }},
       {"lease", [](A& a) { a.mutable_lease()->set_seconds(86'401); }},
       {"lease", [](A& a) { a.mutable_lease()->set_seconds(kHuge); }},
       {"lease", [](A& a) { a.mutable_lease()->set_nanos(-1); }},
       {"boot_id", [](A& a) { a.set_boot_id("b"); }},
       {"largest_listing_number", [](A& a) { a.set_largest_listing_number(uint64_t{1} << 63); }},
       {"address", [](A& a) { a.clear_address(); }},
       {"address", [](A& a) { a.set_address("unix:/run/socket"); }}});
}

TEST(AnswersTest, AHolderIsAtAHostAndAPort) {
  for (const std::string good : {"192.0.2.1:1", "[2001:db8::1]:65535", "a-name.example:7070"}) {
    EXPECT_TRUE(CheckPeerAddress(good, "address").ok()) << good;
  }
  for (const std::string& bad :
       {std::string("unix:/run/other.sock"), std::string("unix-abstract:name"),
        std::string("dns:///localhost:1"), std::string("ipv4:127.0.0.1:2"),
        std::string("ipv4:127.0.0.1:2,127.0.0.1:3"), std::string("xds:///x"),
        std::string("127.0.0.1:99999"), std::string("127.0.0.1:0"), std::string("127.0.0.1"),
        std::string(), std::string("\0x:1", 4), std::string("a\x1b[31m:1"), std::string("a b:1"),
        std::string("a,b:1"), std::string("::1:7070"), std::string(256, 'h') + ":1",
        std::string(100'000, 'h') + ":1"}) {
    const absl::Status status = CheckPeerAddress(bad, "holder.address");
    EXPECT_EQ(GetReason(status), Reason::kAnswerInvalid) << bad;
    EXPECT_LT(status.message().size(), 2 * kMaxTextBytes);
  }
}

TEST(AnswersTest, ASearchHasAsManyResultsAndHoldersAsItMay) {
  using A = v1::SearchResponse;
  ExpectRefused<v1::SearchRequest, A>(
      ByContent(), GoodResults(),
      {{"results",
        [](A& a) {
          for (int i = 0; i < 50; ++i) *a.add_results() = a.results(0);
        }},
       {"holders",
        [](A& a) {
          for (int i = 0; i < 5000; ++i) *a.mutable_results(0)->add_holders() = GoodHolder();
        }},
       {"holders", [](A& a) { *a.mutable_results(0)->add_holders() = GoodHolder(); }},
       {"holders", [](A& a) { *a.mutable_results(0)->add_holders() = GoodHolder(true); }},
       {"name", [](A& a) { a.mutable_results(0)->set_name("a\x1b[2J"); }},
       {"name", [](A& a) { a.mutable_results(0)->clear_name(); }},
       {"root", [](A& a) { a.mutable_results(0)->mutable_content()->set_root("r"); }},
       {"size_bytes",
        [](A& a) { a.mutable_results(0)->mutable_content()->set_size_bytes(uint64_t{1} << 63); }},
       {"query", [](A& a) { a.mutable_results(0)->mutable_content()->set_size_bytes(6); }},
       {"peer_id", [](A& a) { a.mutable_results(0)->mutable_holders(3)->set_peer_id(0); }},
       {"public_key", [](A& a) { a.mutable_results(0)->mutable_holders(3)->set_public_key("k"); }},
       {"small order",
        [](A& a) {
          a.mutable_results(0)->mutable_holders(3)->set_public_key(std::string(32, '\0'));
        }},
       {"policy",
        [](A& a) {
          a.mutable_results(0)->mutable_holders(3)->set_policy(static_cast<v1::SharePolicy>(77));
        }},
       {"listing_number",
        [](A& a) { a.mutable_results(0)->mutable_holders(3)->set_listing_number(0); }},
       {"address", [](A& a) { a.mutable_results(0)->mutable_holders(3)->set_address("unix:/s"); }},
       {"page_token", [](A& a) { a.set_next_page_token(std::string(4097, 't')); }},
       {"page", [](A& a) {
          a.clear_results();
          a.set_next_page_token("again");
        }}});
}

TEST(AnswersTest, OnlyASearchForThemFindsHoldersOfAPart) {
  v1::SearchRequest request = ByContent();
  request.set_include_partial(false);
  EXPECT_EQ(GetReason(CheckAnswer(request, GoodResults())), Reason::kAnswerInvalid);
}

TEST(AnswersTest, ASearchByNameFindsThatName) {
  v1::SearchRequest request;
  request.set_name("196");
  v1::SearchResponse answer;
  answer.add_results()->set_name("195");
  *answer.mutable_results(0)->mutable_content() = GoodListing().content();
  EXPECT_EQ(GetReason(CheckAnswer(request, answer)), Reason::kAnswerInvalid);
  request.set_name("195");
  EXPECT_TRUE(CheckAnswer(request, answer).ok());
}

TEST(AnswersTest, PeersAreInOrderAndThoseThatWereAskedFor) {
  using A = v1::ListPeersResponse;
  A good;
  *good.add_peers() = GoodPeer();
  *good.add_peers() = GoodPeer();
  good.mutable_peers(1)->set_peer_id(2);
  good.mutable_peers(1)->clear_address();
  ExpectRefused<v1::ListPeersRequest, A>(
      {}, good,
      {{"order", [](A& a) { a.mutable_peers(1)->set_peer_id(1); }},
       {"address", [](A& a) { a.mutable_peers(0)->set_address("1\x1b]0;"); }},
       {"public_key", [](A& a) { a.mutable_peers(0)->clear_public_key(); }},
       {"store", [](A& a) { a.mutable_replica()->set_revision(1); }},
       {"behind",
        [](A& a) {
          a.mutable_replica()->set_store(v1::ReplicaState::STORE_LIVE);
          a.mutable_replica()->mutable_behind()->set_seconds(-1);
        }},
       {"peers", [](A& a) {
          for (int i = 0; i < 100; ++i) *a.add_peers() = a.peers(0);
        }}});
  A replica = good;
  replica.mutable_replica()->set_store(v1::ReplicaState::STORE_CUT_OFF);
  replica.mutable_replica()->mutable_behind()->set_seconds(1);
  EXPECT_TRUE(CheckAnswer(v1::ListPeersRequest(), replica).ok());
  v1::ListPeersRequest one;
  one.set_peer_id(1);
  EXPECT_EQ(GetReason(CheckAnswer(one, good)), Reason::kAnswerInvalid) << "two";
  good.mutable_peers()->RemoveLast();
  EXPECT_TRUE(CheckAnswer(one, good).ok());
  one.set_peer_id(2);
  EXPECT_EQ(GetReason(CheckAnswer(one, good)), Reason::kAnswerInvalid) << "another one";
  one.set_public_key(PrivateKey::Generate().public_key().bytes());
  EXPECT_EQ(GetReason(CheckAnswer(one, good)), Reason::kAnswerInvalid) << "another key";
}

TEST(AnswersTest, BooksAreListings) {
  using A = v1::ListBooksResponse;
  A good;
  *good.add_listings() = GoodListing();
  v1::ListBooksRequest request;
  request.set_page_size(2);
  ExpectRefused<v1::ListBooksRequest, A>(
      request, good,
      {{"listings",
        [](A& a) {
          for (int i = 0; i < 2; ++i) *a.add_listings() = a.listings(0);
        }},
       {"listing_number", [](A& a) { a.mutable_listings(0)->set_listing_number(0); }},
       {"listing", [](A& a) { a.mutable_listings(0)->set_name("../x"); }},
       {"partial", [](A& a) { a.mutable_listings(0)->set_partial(true); }}});
}

TEST(AnswersTest, AnUpdateHasAResultForEachItem) {
  v1::UpdateOwnerRequest request;
  request.add_items();
  v1::UpdateOwnerResponse answer;
  EXPECT_EQ(GetReason(CheckAnswer(request, answer)), Reason::kAnswerInvalid);
  answer.add_results();
  EXPECT_TRUE(CheckAnswer(request, answer).ok());
}

TEST(AnswersTest, EveryEventOfAWatchIsChecked) {
  v1::WatchResponse good;
  good.set_boot_id(std::string(16, 'b'));
  good.mutable_book_listed()->set_peer_id(1);
  *good.mutable_book_listed()->mutable_listing() = GoodListing();
  *good.add_more()->mutable_peer_listed()->mutable_peer() = GoodPeer();
  good.add_more();  // an event that only a newer index knows
  EXPECT_TRUE(CheckAnswer(good).ok()) << CheckAnswer(good);
  using A = v1::WatchResponse;
  const std::function<void(A&)> breaks[] = {
      [](A& a) { a.set_boot_id("b"); },
      [](A& a) { a.mutable_book_listed()->set_peer_id(0); },
      [](A& a) { a.mutable_book_listed()->mutable_listing()->set_name("w\x1b[2J"); },
      [](A& a) { a.mutable_book_gone()->set_peer_id(1); },
      [](A& a) { a.mutable_book_moved()->set_from_peer_id(1); },
      [](A& a) { a.mutable_peer_gone(); },
      [](A& a) {
        a.mutable_more(0)->mutable_peer_listed()->mutable_peer()->set_address("a\x07:1");
      },
      [](A& a) { a.mutable_more(0)->add_more(); },
      [](A& a) {
        for (int i = 0; i < kMaxItems; ++i) a.add_more();
      },
  };
  for (const auto& break_it : breaks) {
    A answer = good;
    break_it(answer);
    EXPECT_EQ(GetReason(CheckAnswer(answer)), Reason::kAnswerInvalid) << answer.ShortDebugString();
  }
}

TEST(AnswersTest, TextForPeopleIsCut) {
  EXPECT_EQ(CutText("short"), "short");
  EXPECT_EQ(CutText(std::string(1'000'000, 'x')).size(), kMaxTextBytes);
}

}  // namespace
}  // namespace arkshare
