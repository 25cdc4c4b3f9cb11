// SmallFetcher, and FileService.DownloadMany that answers it.
#include "services/peer/fetch/small_fetcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/disk/file_attributes.h"
#include "services/peer/serve/file_service.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// Sends what a test tells it to.
class Liar final : public v1::FileService::Service {
 public:
  grpc::Status DownloadMany(grpc::ServerContext*, const v1::DownloadManyRequest*,
                            grpc::ServerWriter<v1::DownloadManyResponse>* writer) override {
    v1::DownloadManyResponse message;
    bool for_ever = false;
    {
      MutexLock lock(&mutex_);
      for (const v1::DownloadManyResponse::Part& part : parts_) *message.add_parts() = part;
      message.MergeFrom(again_.value_or(v1::DownloadManyResponse()));
      for_ever = again_.has_value();
    }
    while (writer->Write(message) && for_ever) {
    }
    return grpc::Status::OK;
  }

  // Sends this until the call is cancelled.
  void SayForEver(const v1::DownloadManyResponse& message) {
    MutexLock lock(&mutex_);
    again_ = message;
  }

  void Say(std::vector<v1::DownloadManyResponse::Part> parts) {
    MutexLock lock(&mutex_);
    parts_ = std::move(parts);
  }

 private:
  Mutex mutex_;
  std::vector<v1::DownloadManyResponse::Part> parts_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::DownloadManyResponse> again_ ABSL_GUARDED_BY(mutex_);
};

v1::DownloadManyResponse::Part Part(uint32_t index, const std::string& data, bool last = true) {
  v1::DownloadManyResponse::Part part;
  part.set_index(index);
  part.set_data(data);
  part.set_last(last);
  return part;
}

class SmallFetcherTest : public testing::Test {
 protected:
  SmallFetcherTest() {
    KeepGrpcRunning();
    Must(disk_.library->Load());
    server_ = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {&service_}));
    liar_server_ = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {&liar_}));
  }

  // Returns the books that come, by their index in `contents`.
  std::map<size_t, std::string> Fetch(const std::vector<ContentId>& contents,
                                      const std::string& address) {
    std::map<size_t, std::string> came;
    status_ = fetcher_.Fetch(
        {.address = address,
         .contents = contents,
         .on_book =
             [&](const SmallFetcher::Book& book) {
               EXPECT_TRUE(came.emplace(book.index, book.bytes).second);
               attributes_ = book.attributes;
               return came.size() < most_;
             },
         .on_queued = [&](const QueuePlace& place) { positions_.push_back(place.position); }});
    return came;
  }
  std::map<size_t, std::string> Fetch(const std::vector<ContentId>& contents) {
    return Fetch(contents, server_->address());
  }

  TempFolder temp_;
  PeerDisk disk_{temp_.path()};
  UploadQueue queue_{{.line = {.slots = 1}}, Clock::Real()};
  RateLimiter download_limiter_{Clock::Real(), 0};
  IdleWatchdog watchdog_{Clock::Real()};
  RegistrationGate gate_;
  PartialBooks partials_;
  FileService service_{{disk_.library.get(), disk_.handover.get(), disk_.cache.get(), &queue_,
                        &watchdog_, &gate_, &partials_, disk_.proofs.get()},
                       disk_.key};
  Liar liar_;
  std::unique_ptr<RpcServer> server_, liar_server_;
  Holders holders_{Dialer::Plaintext()};
  SmallFetcher fetcher_{&holders_, &download_limiter_, &watchdog_};
  absl::Status status_;
  std::vector<int> positions_;
  std::optional<FileAttributes> attributes_;  // of the last book that came
  size_t most_ = 1000;
};

TEST_F(SmallFetcherTest, ABookComesWithTheAttributesOfItsFile) {
  const FakeBook book = FakeBook::OfSize(1000);
  disk_.List("book", book);
  EXPECT_EQ(Fetch({book.id}).size(), 1U);
  const UniqueFd fd(::open(disk_.PathOf("book").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(attributes_, AttributesOf(fd.get()));
  ASSERT_TRUE(attributes_.has_value());
  EXPECT_LT(attributes_->modified, Clock::Real()->Now() - absl::Minutes(59)) << "List makes it old";
}

TEST_F(SmallFetcherTest, AllComeOfEverySize) {
  std::vector<ContentId> ids;
  std::map<size_t, std::string> expected;
  for (uint64_t size : {0, 1, 16384, 16385, 65536, 300'000, 1 << 20, 1 << 20, 5}) {
    const FakeBook book = FakeBook::OfSize(size, static_cast<uint32_t>(ids.size() + 1));
    disk_.List("book" + std::to_string(ids.size()), book);
    expected[ids.size()] = book.bytes;
    ids.push_back(book.id);
  }
  EXPECT_EQ(Fetch(ids), expected);
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_THAT(positions_, IsEmpty());
  // Under a limit they come in parts.
  queue_.SetLimit(64 << 20);
  EXPECT_EQ(Fetch(ids), expected);
}

TEST_F(SmallFetcherTest, BooksThatAreNotThereAreLeftOut) {
  const FakeBook here = FakeBook::OfSize(100, 1);
  const FakeBook there = FakeBook::OfSize(100, 2);
  const FakeBook changed = FakeBook::OfSize(100, 3);
  disk_.List("here", here);
  disk_.List("changed", changed);
  WriteFileAt(disk_.PathOf("changed"), "something else");
  EXPECT_THAT(Fetch({there.id, here.id, changed.id, here.id}),
              ElementsAre(Pair(1, here.bytes), Pair(3, here.bytes)));
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(SmallFetcherTest, TheServerTakesOneToAThousandSmallOnes) {
  const ContentId small = FakeBook::OfSize(1).id;
  ContentId large = small;
  large.size = kMaxSmallBookBytes + 1;
  EXPECT_THAT(Fetch({}), IsEmpty());
  EXPECT_EQ(ReasonOf(status_), "INVALID_FIELD");
  EXPECT_THAT(Fetch({large}), IsEmpty());
  EXPECT_EQ(ReasonOf(status_), "INVALID_FIELD");
  EXPECT_THAT(Fetch(std::vector<ContentId>(1001, small)), IsEmpty());
  EXPECT_EQ(ReasonOf(status_), "INVALID_FIELD");
  Fetch(std::vector<ContentId>(1000, small));
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(SmallFetcherTest, TakesOneSlotForAll) {
  const FakeBook book = FakeBook::OfSize(100);
  disk_.List("book", book);
  queue_.Close();
  EXPECT_THAT(Fetch({book.id}), IsEmpty());
  EXPECT_EQ(ReasonOf(status_), "SHUTTING_DOWN");
}

TEST_F(SmallFetcherTest, EndsWhenNoMoreIsWantedOrItIsStopped) {
  const FakeBook book = FakeBook::OfSize(100);
  disk_.List("book", book);
  most_ = 2;
  EXPECT_EQ(Fetch({book.id, book.id, book.id}).size(), 2U);
  EXPECT_TRUE(absl::IsCancelled(status_));
  fetcher_.Stop();
  EXPECT_THAT(Fetch({book.id}), IsEmpty());
  EXPECT_TRUE(absl::IsCancelled(status_));
}

TEST_F(SmallFetcherTest, BelievesNothingThatItHasNotVerified) {
  const FakeBook a = FakeBook::Of("aaaa");
  const FakeBook b = FakeBook::Of("bbbb");
  const auto tell = [&](std::vector<v1::DownloadManyResponse::Part> parts) {
    liar_.Say(std::move(parts));
    return Fetch({a.id, b.id}, liar_server_->address());
  };
  EXPECT_THAT(tell({Part(0, "aaaa"), Part(1, "bbbb")}),
              ElementsAre(Pair(0, "aaaa"), Pair(1, "bbbb")));
  EXPECT_THAT(tell({Part(0, "aa", false), Part(0, "aa"), Part(1, "bb", false)}),
              ElementsAre(Pair(0, "aaaa")));
  EXPECT_THAT(tell({Part(0, "aaab")}), IsEmpty());                   // wrong
  EXPECT_THAT(tell({Part(0, "aaa")}), IsEmpty());                    // too short
  EXPECT_THAT(tell({Part(0, "aaaaa")}), IsEmpty());                  // too long
  EXPECT_THAT(tell({Part(7, "aaaa")}), IsEmpty());                   // no book's
  EXPECT_THAT(tell({Part(1, "aaaa"), Part(0, "bbbb")}), IsEmpty());  // each other's
  // The parts of one do not count for the other.
  EXPECT_THAT(tell({Part(0, "aa", false), Part(1, "bbbb"), Part(0, "aa")}),
              ElementsAre(Pair(1, "bbbb")));
}

TEST_F(SmallFetcherTest, MessagesThatBringNothingEndTheStream) {
  const FakeBook book = FakeBook::Of("aaaa");
  v1::DownloadManyResponse nothing, empty, error, ended, queued;
  *empty.add_parts() = Part(0, "", false);
  error.add_parts()->mutable_error()->set_reason("BOOK_GONE");
  *ended.add_parts() = Part(0, "aaaa");
  *queued.add_parts() = Part(0, "a", false);
  queued.mutable_queued()->set_position(1);
  for (const v1::DownloadManyResponse& message : {nothing, empty, error, ended, queued}) {
    liar_.SayForEver(message);
    Fetch({book.id}, liar_server_->address());
    EXPECT_EQ(ReasonOf(status_), "ANSWER_INVALID") << message.ShortDebugString();
  }
}

}  // namespace
}  // namespace arkshare
