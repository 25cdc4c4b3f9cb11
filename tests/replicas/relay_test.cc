// Peers behind firewalls, and an index with three replicas, each of which has a relay.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/rpc/testing/silent_address.h"
#include "tests/replicas/etcd_cluster.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/programs.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

class RelaysTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!EtcdCluster::Installed()) GTEST_SKIP() << "etcd is not installed";
    etcd_ = std::make_unique<EtcdCluster>();
    for (const std::string name : {"a", "b", "c"}) {
      IndexOptions options;
      options.folder = Folder(name);
      options.lease = "10s";
      options.etcd = absl::StrJoin(etcd_->endpoints(), ",");
      options.args = {"--relay", "127.0.0.1:0"};
      absl::StatusOr<std::unique_ptr<IndexProcess>> started = IndexProcess::Start(options);
      ASSERT_TRUE(Ok(started));
      indexes_[name] = *std::move(started);
    }
  }
  std::string Folder(const std::string& name) {
    const std::string folder = absl::StrCat(dir_.path(), "/", name);
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    return folder;
  }
  // A peer at whose address a firewall drops every packet, with books of these names. It asks the
  // indexes in this order.
  std::unique_ptr<PeerProcess> StartHidden(const std::string& name,
                                           const std::vector<std::string>& indexes,
                                           const std::map<std::string, std::string>& books = {}) {
    std::filesystem::create_directories(Folder(name) + "/books");
    for (const auto& [book, text] : books) WriteBook(Folder(name) + "/books", book, text);
    PeerOptions options;
    options.folder = Folder(name);
    options.listen = "0.0.0.0:0";
    options.args = {"--advertise", firewall_.address(), "--reach", "relay", "--insecure"};
    std::vector<std::string> addresses;
    for (const std::string& index : indexes) addresses.push_back(indexes_.at(index)->address());
    options.index = absl::StrJoin(addresses, ",");
    auto peer = PeerProcess::Start(options);
    EXPECT_TRUE(Ok(peer));
    EXPECT_TRUE(Ok((*peer)->WaitOnline()));
    EXPECT_EQ((*peer)->GetStatus()->way(), v1::WAY_RELAYED);
    return *std::move(peer);
  }
  static absl::StatusOr<v1::Transfer> Move(PeerProcess& to, const std::string& book) {
    v1::FetchRequest request;
    request.set_name(book);
    return PendingFetch(to, request).Await();
  }
  // The relay that the peer says it answers at.
  static std::string RelayOf(PeerProcess& peer) { return peer.GetStatus()->relay_address(); }

  TempDir dir_;
  const SilentAddress firewall_;
  std::unique_ptr<EtcdCluster> etcd_;
  std::map<std::string, std::unique_ptr<IndexProcess>> indexes_;
};

TEST_F(RelaysTest, APeerIsReachedFromEveryReplicaAndAfterItHasGoneOnToAnother) {
  const std::string large = RandomBytes(3'000'000);
  const auto source = StartHidden("source", {"a", "b"},
                                  {{"one", "the one"}, {"two", large}, {"three", "the third"}});
  const auto at_b = StartHidden("at_b", {"b"});
  const auto at_c = StartHidden("at_c", {"c"});
  const std::string first_relay = RelayOf(*source);
  EXPECT_NE(first_relay, RelayOf(*at_b));

  // The replica that was asked has no stream of the source.
  ASSERT_TRUE(Ok(Move(*at_b, "one")));
  EXPECT_EQ(ReadFile(at_b->books() + "/one"), "the one");
  // And none of the receiver that the source confirms to: both are elsewhere.
  ASSERT_TRUE(Ok(Move(*at_c, "two")));
  EXPECT_EQ(ReadFile(at_c->books() + "/two"), large);

  // The source goes on at b. Connections to it go there from then on.
  indexes_["a"]->process().Kill();
  EXPECT_TRUE(EventuallyTrue([&] { return RelayOf(*source) == RelayOf(*at_b); }));
  EXPECT_TRUE(EventuallyTrue([&] { return Move(*at_c, "three").ok(); }));
  EXPECT_EQ(ReadFile(at_c->books() + "/three"), "the third");
  EXPECT_TRUE(EventuallyTrue([&] { return !std::filesystem::exists(source->books() + "/three"); }));
}

}  // namespace
}  // namespace arkshare
