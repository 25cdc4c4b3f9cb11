// Which listing a wish takes, with an index that tells names from contents.
#include "services/peer/transfer/source_chooser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "lib/rpc/server.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

// Lists holders of one content under several names.
class NamingIndex final : public v1::IndexService::Service {
 public:
  explicit NamingIndex(ContentId content)
      : content_(content), server_(Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {this}))) {}

  const std::string& address() const { return server_->address(); }
  void List(const std::string& name, const FakeHolder& fake, uint64_t listing,
            v1::SharePolicy policy = v1::SHARE_POLICY_MOVE) {
    const BookHolder known = fake.AsHolder(static_cast<uint32_t>(listing));
    v1::Holder holder;
    holder.set_peer_id(known.peer_id);
    holder.set_public_key(known.key.bytes());
    holder.set_address(known.address);
    holder.set_listing_number(listing);
    holder.set_policy(policy);
    holder.set_free_slots(1);
    MutexLock lock(&mutex_);
    listings_.emplace(name, holder);
  }

  grpc::Status Search(grpc::ServerContext*, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override {
    MutexLock lock(&mutex_);
    for (const auto& [name, holder] : listings_) {
      if (!request->name().empty() && request->name() != name) continue;
      v1::SearchResponse::Result& result = *response->add_results();
      result.set_name(name);
      *result.mutable_content() = ToProto(content_);
      *result.add_holders() = holder;
    }
    return grpc::Status::OK;
  }

 private:
  const ContentId content_;
  Mutex mutex_;
  std::multimap<std::string, v1::Holder> listings_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<RpcServer> server_;
};

class SourceChooserTest : public testing::Test {
 protected:
  SourceChooserTest() {
    KeepGrpcRunning();
    Must(disk_.library->Load());
  }
  static FetchWish Wish(const std::string& name) { return {.name = Must(BookName::Parse(name))}; }
  absl::StatusOr<SourceChooser::Choice> Choose(const FetchWish& wish) {
    SourceChooser::SourceCache sources;
    return chooser_.Choose({wish}, sources)[0];
  }

  const FakeBook book_ = FakeBook::OfSize(0);
  TempFolder temp_;
  PeerDisk disk_{temp_.path()};
  FakeHolder named_{book_};
  FakeHolder other_{book_};
  NamingIndex index_{book_.id};
  IndexClient index_client_{{index_.address()}, Dialer::Plaintext()};
  Holders holders_{Dialer::Plaintext()};
  SourceChooser chooser_{disk_.library.get(), &index_client_, &holders_, disk_.key.public_key()};
};

TEST_F(SourceChooserTest, AMoveByNameTakesAListingOfThatName) {
  index_.List("b1-11", other_, 11);
  index_.List("b2-5", named_, 5);
  for (int i = 0; i < 20; ++i) {
    const SourceChooser::Choice choice = Must(Choose(Wish("b2-5")));
    EXPECT_TRUE(choice.move);
    EXPECT_EQ(choice.source.listing, 5U);
    EXPECT_EQ(choice.holders.size(), 2U) << "the other one may send bytes";
  }
}

TEST_F(SourceChooserTest, OnePeerWithBothNamesLosesTheNameThatWasAskedFor) {
  index_.List("b1-11", named_, 11);
  index_.List("b2-5", named_, 5);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Must(Choose(Wish("b2-5"))).source.listing, 5U);
}

TEST_F(SourceChooserTest, AMoveByNameTakesNoOtherListingWhenThatOneCannotBeReached) {
  index_.List("b1-11", other_, 11);
  index_.List("b2-5", named_, 5);
  named_.ProveAnotherKey();
  EXPECT_EQ(ReasonOf(Choose(Wish("b2-5")).status()), "NO_HOLDER_REACHABLE");
  FetchWish copy = Wish("b2-5");
  copy.copy_only = true;
  const SourceChooser::Choice choice = Must(Choose(copy));
  EXPECT_FALSE(choice.move);
  EXPECT_EQ(choice.source.listing, 11U) << "a copy takes nothing";
}

TEST_F(SourceChooserTest, ALenderUnderAnotherNameIsAsGoodASource) {
  index_.List("b1-11", other_, 11, v1::SHARE_POLICY_COPY);
  index_.List("b2-5", named_, 5);
  const SourceChooser::Choice choice = Must(Choose(Wish("b2-5")));
  EXPECT_FALSE(choice.move);
  EXPECT_EQ(choice.source.listing, 11U);
  EXPECT_EQ(choice.save_as.value(), "b2-5");
}

TEST_F(SourceChooserTest, ANameThatIsListedWithOtherContentsMeansAnotherBook) {
  index_.List("b2-5", named_, 5);
  ContentId old = book_.id;
  old.root[0] ^= 1;
  EXPECT_TRUE(chooser_.MeansAnotherBook(Wish("b2-5"), old));
  EXPECT_FALSE(chooser_.MeansAnotherBook(Wish("b2-5"), book_.id));
  EXPECT_FALSE(chooser_.MeansAnotherBook(Wish("unknown"), old)) << "the index does not say";
}

}  // namespace
}  // namespace arkshare
