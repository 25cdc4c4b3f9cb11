#include "services/peer/reach/port_mapper.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace arkshare {
namespace {

// The routers, as a test steers and sees them.
class Network {
 public:
  void Refuse(bool refuse) {
    MutexLock lock(&mutex_);
    refuses_ = refuse;
  }
  // Waits until the routers have opened, and closed, as many ports.
  void AwaitOpened(size_t count) {
    MutexLock lock(&mutex_);
    while (wanted_.size() < count) changed_.Wait(&mutex_);
  }
  void AwaitClosed(size_t count) {
    MutexLock lock(&mutex_);
    while (closed_.size() < count) changed_.Wait(&mutex_);
  }
  std::vector<int> wanted() {
    MutexLock lock(&mutex_);
    return wanted_;
  }
  std::vector<int> closed() {
    MutexLock lock(&mutex_);
    return closed_;
  }
  absl::StatusOr<Router::Opened> Open(int wanted_port) {
    MutexLock lock(&mutex_);
    wanted_.push_back(wanted_port);
    changed_.NotifyAll();
    if (refuses_) return absl::UnavailableError("refused");
    return Router::Opened{"198.51.100.1", 41'234, absl::Hours(1)};
  }
  void Close(int port) {
    MutexLock lock(&mutex_);
    closed_.push_back(port);
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool refuses_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<int> wanted_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> closed_ ABSL_GUARDED_BY(mutex_);
};

class FakeRouter : public Router {
 public:
  FakeRouter(Network* network, bool works) : network_(network), works_(works) {}
  absl::string_view protocol() const override { return works_ ? "works" : "fails"; }
  absl::StatusOr<Opened> Open(int, int wanted_port, absl::Duration, const Stopped&) override {
    if (!works_) return absl::UnavailableError("no router answers");
    return network_->Open(wanted_port);
  }
  void Close(int, int port) override { network_->Close(port); }

 private:
  Network* const network_;
  const bool works_;
};

class PortMapperTest : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::unique_ptr<Router>> routers;
    routers.push_back(std::make_unique<FakeRouter>(&network_, false));
    routers.push_back(std::make_unique<FakeRouter>(&network_, true));
    mapper_ = std::make_unique<PortMapper>(6'000, std::move(routers), Clock::Real(), [this] {
      MutexLock lock(&mutex_);
      ++changes_;
      changed_.NotifyAll();
    });
  }
  void AwaitChanges(int count) {
    MutexLock lock(&mutex_);
    while (changes_ < count) changed_.Wait(&mutex_);
  }

  Network network_;
  Mutex mutex_;
  CondVar changed_;
  int changes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<PortMapper> mapper_;
};

TEST_F(PortMapperTest, AsksNoRouterBeforeItIsStarted) {
  mapper_.reset();
  EXPECT_TRUE(network_.wanted().empty());
  EXPECT_TRUE(network_.closed().empty());
}

TEST_F(PortMapperTest, OpensAPortAndClosesItAtTheEnd) {
  mapper_->Start();
  AwaitChanges(1);
  const std::optional<PortMapper::Mapping> mapping = mapper_->mapping();
  ASSERT_TRUE(mapping.has_value());
  EXPECT_EQ(mapping->address, "198.51.100.1:41234");
  EXPECT_EQ(mapping->port, 41'234);
  EXPECT_EQ(mapping->protocol, "works");
  EXPECT_FALSE(mapping->proven);
  mapper_->Judge(mapping->generation, /*reached=*/true);
  EXPECT_TRUE(mapper_->mapping()->proven);
  EXPECT_EQ(network_.wanted(), std::vector<int>{6'000});
  mapper_.reset();
  EXPECT_EQ(network_.closed(), std::vector<int>{41'234});
}

TEST_F(PortMapperTest, ClosesAPortThatTheIndexCannotReach) {
  mapper_->Start();
  AwaitChanges(1);
  const uint64_t generation = mapper_->mapping()->generation;
  mapper_->Judge(generation + 1, /*reached=*/false);
  EXPECT_TRUE(mapper_->mapping().has_value()) << "that is another mapping";
  mapper_->Judge(generation, /*reached=*/false);
  EXPECT_FALSE(mapper_->mapping().has_value());
  network_.AwaitClosed(1);
  EXPECT_EQ(network_.closed(), std::vector<int>{41'234});
}

TEST_F(PortMapperTest, HasNoMappingWhenNoRouterOpensAPort) {
  network_.Refuse(true);
  mapper_->Start();
  network_.AwaitOpened(1);
  mapper_.reset();
  EXPECT_TRUE(network_.closed().empty());
}

}  // namespace
}  // namespace arkshare
