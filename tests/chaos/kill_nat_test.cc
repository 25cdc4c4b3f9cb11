// Peers of which most are behind a firewall, whose programs are killed at random while books move
// between them through the relay of the index.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lib/rpc/testing/silent_address.h"
#include "tests/audit/audit.h"
#include "tests/audit/peer_disk.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/free_ports.h"

namespace arkshare {
namespace {

// Longer campaigns set these in the environment.
int Setting(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

class KillNatTest : public testing::Test {
 protected:
  void StartAll() {
    ASSERT_TRUE(Ok(cluster_.StartGroup("2s", {}, {"--relay", FreeAddress()})));
    for (int i = 0; i < peers_; ++i) {
      names_.push_back(absl::StrCat("p", i));
      books_[absl::StrCat("book ", i)] =
          BookBytes(100'000 + static_cast<uint64_t>(i) * 150'000, static_cast<uint32_t>(i));
      WriteBook(cluster_.Books(names_.back()), absl::StrCat("book ", i),
                books_[absl::StrCat("book ", i)]);
      PeerOptions options;
      options.listen = "0.0.0.0:0";
      // Three of four are behind the firewall.
      if (i % 4 != 0) options.args = {"--advertise", firewall_.address(), "--reach", "relay"};
      ASSERT_TRUE(Ok(cluster_.StartPeer(names_.back(), options)));
      hidden_ += i % 4 != 0 ? 1 : 0;
    }
  }
  size_t Choose(size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(random_);
  }
  const std::string& AnyPeer() { return names_[Choose(names_.size())]; }

  // A peer begins to fetch a book. Sometimes the test waits until bytes have come, or the end.
  void Fetch() {
    auto place = books_.begin();
    std::advance(place, Choose(books_.size()));
    pending_.push_back(
        std::make_unique<PendingFetch>(cluster_.peer(AnyPeer()), Wish(place->first)));
    const size_t wait = Choose(3);
    // A fetch that can find no holder now is tried again for minutes.
    constexpr absl::Duration kLittle = absl::Seconds(1);
    if (wait == 1) {
      pending_.back()->WaitFor(
          [](const v1::Transfer& transfer) { return transfer.bytes_done() > 0; }, kLittle);
    } else if (wait == 2) {
      (void)pending_.back()->Await(kLittle);
    }
    // A transfer goes on when its caller has gone.
    if (pending_.size() > 4) pending_.pop_front();
  }
  void Kill(const std::string& name) {
    cluster_.peer(name).process().Kill();
    ASSERT_TRUE(Ok(cluster_.peer(name).Restart()));
  }
  // Returns the findings of the auditor once all is quiet.
  AuditReport AuditAll() {
    AuditReport report;
    EventuallyTrue(
        [&] {
          std::vector<PeerDisk> disks;
          for (const std::string& folder : cluster_.AllBooks()) {
            absl::StatusOr<PeerDisk> disk = ReadPeerDisk(folder);
            if (!disk.ok()) {
              report.damage = {disk.status().ToString()};
              return false;
            }
            disks.push_back(*std::move(disk));
          }
          report = Audit(disks);
          return report.damage.empty() && report.open.empty();
        },
        absl::Minutes(3));
    return report;
  }

  const int peers_ = Setting("ARKSHARE_NAT_PEERS", 8);
  const int steps_ = Setting("ARKSHARE_NAT_STEPS", 40);
  const uint32_t seed_ = static_cast<uint32_t>(
      Setting("ARKSHARE_NAT_SEED", static_cast<int>(std::random_device()() >> 1)));
  std::mt19937 random_{seed_};
  const SilentAddress firewall_;
  Cluster cluster_;
  std::vector<std::string> names_;
  std::map<std::string, std::string> books_;  // by name
  int hidden_ = 0;
  std::deque<std::unique_ptr<PendingFetch>> pending_;
};

TEST_F(KillNatTest, NoBookIsLostAndNoneIsDoubled) {
  SCOPED_TRACE(absl::StrCat("ARKSHARE_NAT_SEED=", seed_));
  ASSERT_NO_FATAL_FAILURE(StartAll());
  int kills = 0;
  for (int step = 0; step < steps_; ++step) {
    const size_t what = Choose(20);
    if (what < 13) {
      Fetch();
    } else if (what < 19) {
      ASSERT_NO_FATAL_FAILURE(Kill(AnyPeer()));
      ++kills;
    } else {
      // Also ends every carried connection.
      ASSERT_TRUE(Ok(cluster_.index().KillAndRestart()));
      ++kills;
    }
  }
  pending_.clear();
  for (const std::string& name : names_) ASSERT_TRUE(Ok(cluster_.peer(name).WaitOnline()));
  const AuditReport report = AuditAll();
  EXPECT_TRUE(report.damage.empty()) << testing::PrintToString(report.damage);
  EXPECT_TRUE(report.open.empty()) << testing::PrintToString(report.open);
  EXPECT_TRUE(Undamaged(cluster_.AllBooks()));

  std::map<std::string, std::vector<std::string>> found;  // names of folders by SHA-256
  for (const std::string& name : names_) {
    for (const auto& [book, sha] : ReadFolder(cluster_.Books(name))) found[sha].push_back(name);
  }
  for (const auto& [book, bytes] : books_) {
    EXPECT_EQ(found[Sha256Hex(bytes)].size(), 1u)
        << book << " is at " << testing::PrintToString(found[Sha256Hex(bytes)]);
  }
  std::printf("%d peers, %d of them hidden; %d steps, %d kills\n", peers_, hidden_, steps_, kills);
}

}  // namespace
}  // namespace arkshare
