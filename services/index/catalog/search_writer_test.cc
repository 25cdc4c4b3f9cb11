#include "services/index/catalog/search_writer.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "lib/rpc/convert.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using google::protobuf::util::MessageDifferencer;

PeerInfo FullPeer(uint32_t peer_id) {
  PeerInfo peer = TestPeer(peer_id, static_cast<uint8_t>(peer_id));
  peer.upload_limit = std::numeric_limits<uint64_t>::max();
  return peer;
}

// Returns the message that protobuf itself would make.
void Add(const std::string& name, const ContentId& content, const std::vector<PeerInfo>& peers,
         uint64_t listing_number, bool partial, v1::SearchResponse& response) {
  v1::SearchResponse::Result& result = *response.add_results();
  result.set_name(name);
  *result.mutable_content() = ToProto(content);
  result.set_holder_count(static_cast<uint32_t>(peers.size()));
  for (const PeerInfo& peer : peers) {
    v1::Holder& holder = *result.add_holders();
    holder.set_peer_id(peer.peer_id);
    holder.set_public_key(peer.key.bytes());
    holder.set_address(peer.address);
    holder.set_listing_number(listing_number);
    holder.set_policy(peer.policy);
    holder.set_free_slots(peer.free_slots);
    holder.set_upload_limit(peer.upload_limit);
    holder.set_partial(partial);
  }
}

TEST(SearchWriterTest, WritesWhatProtobufReads) {
  SearchWriter writer;
  v1::SearchResponse expected;
  const auto add = [&](const std::string& name, const ContentId& content,
                       const std::vector<PeerInfo>& peers, uint64_t listing_number, bool partial) {
    Add(name, content, peers, listing_number, partial, expected);
    std::vector<std::string> encoded;
    for (const PeerInfo& peer : peers) encoded.push_back(SearchWriter::EncodePeer(peer));
    std::vector<SearchWriter::Holder> holders;
    for (const std::string& peer : encoded) holders.push_back({peer, listing_number, partial});
    writer.AddResult(name, content, holders, static_cast<uint32_t>(peers.size()));
  };
  for (int round = 0; round < 2; ++round) {
    add("a", TestContent(0), {}, 1, false);
    add("b", TestContent(std::numeric_limits<int64_t>::max()), {TestPeer(1, 1)}, 1, true);
    add(std::string(1'024, 'x'), TestContent(127), {TestPeer(0, 0), FullPeer(128)}, 128, false);
    add("d", TestContent(128), std::vector<PeerInfo>(50, FullPeer(16'384)),
        std::numeric_limits<uint64_t>::max(), true);
    EXPECT_EQ(writer.result_count(), 4u);
    expected.set_next_page_token(std::string(200, 't'));
    writer.SetNextPageToken(std::string(200, 't'));
    expected.set_incomplete(true);
    writer.SetIncomplete();

    v1::SearchResponse read;
    ASSERT_TRUE(read.ParseFromString(std::string(writer.bytes())));
    EXPECT_TRUE(MessageDifferencer::Equals(read, expected)) << read.DebugString();
    writer.Clear();
    expected.Clear();
    EXPECT_EQ(writer.bytes(), "");
    EXPECT_EQ(writer.result_count(), 0u);
  }
}

TEST(SearchWriterTest, ResultsCanBeArranged) {
  SearchWriter writer;
  const std::string peer = SearchWriter::EncodePeer(TestPeer(1, 1));
  writer.AddResult("a", TestContent(1), {{{peer, 1}}}, 1);
  writer.AddResult(std::string(500, 'b'), TestContent(2), {}, 0);
  writer.AddResult("c", TestContent(3), {{{peer, 2}}}, 1);
  writer.Arrange({2, 0, 1});
  writer.SetNextPageToken("t");
  v1::SearchResponse read;
  ASSERT_TRUE(read.ParseFromString(std::string(writer.bytes())));
  ASSERT_EQ(read.results_size(), 3);
  EXPECT_EQ(read.results(0).name(), "c");
  EXPECT_EQ(read.results(0).holders(0).listing_number(), 2u);
  EXPECT_EQ(read.results(1).name(), "a");
  EXPECT_EQ(read.results(2).name(), std::string(500, 'b'));
  EXPECT_EQ(read.next_page_token(), "t");
  EXPECT_EQ(writer.result_count(), 3u);
}

}  // namespace
}  // namespace arkshare
