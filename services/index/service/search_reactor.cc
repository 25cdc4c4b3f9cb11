// IndexService.Search: at once when it is cheap, otherwise in turn with other callers.
#include <absl/status/statusor.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/index/search/best_keys.h"
#include "services/index/search/query.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"
#include "services/index/service/page_token.h"

namespace arkshare {
namespace {

// The effort of a search on a thread of gRPC, in the unit of SearchBudget: at most a few
// milliseconds, which covers nearly all searches. To hand over each of them would cost more.
constexpr size_t kEffortAtOnce = 200'000;
// The same while more expensive searches than this wait, so that those which will be refused cost
// little.
constexpr size_t kFewWaiting = 4;
constexpr size_t kEffortInCrowd = 20'000;
// The effort of a search at most: about a tenth of a second, and ten times that of the most
// expensive searches that people make.
constexpr size_t kMostEffort = 10'000'000;

std::string TokenFor(const BookQuery& query, const SearchKey& key) {
  return EncodePageToken(query.Fingerprint(),
                         {absl::StrCat(key.fit.prefix_words), absl::StrCat(key.fit.other_words),
                          absl::StrCat(key.unpopularity), key.name, DigestBytes(key.content.root),
                          absl::StrCat(key.content.size)});
}

absl::StatusOr<std::optional<SearchKey>> ParseSearchToken(const BookQuery& query,
                                                          const std::string& token) {
  if (token.empty()) return std::nullopt;
  absl::StatusOr<std::vector<std::string>> parts = DecodePageToken(query.Fingerprint(), token, 6);
  if (!parts.ok()) return parts.status();
  SearchKey key;
  const absl::StatusOr<Sha256Digest> root = DigestFromBytes((*parts)[4]);
  if (!root.ok() || !absl::SimpleAtoi((*parts)[0], &key.fit.prefix_words) ||
      !absl::SimpleAtoi((*parts)[1], &key.fit.other_words) ||
      !absl::SimpleAtoi((*parts)[2], &key.unpopularity) ||
      !absl::SimpleAtoi((*parts)[5], &key.content.size)) {
    return PageTokenInvalid();
  }
  key.name = std::move((*parts)[3]);
  if (std::holds_alternative<Keywords>(query.what())) key.shuffle = ShuffleOf(key.name);
  key.content.root = *root;
  return key;
}

absl::Status Parse(const grpc::ByteBuffer& bytes, v1::SearchRequest& request) {
  grpc::Slice slice;
  if (!bytes.TrySingleSlice(&slice).ok() && !bytes.DumpToSingleSlice(&slice).ok()) {
    return MakeError(Reason::kInvalidField, "the request is incomplete; send it again");
  }
  if (request.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    return absl::OkStatus();
  }
  return MakeError(Reason::kInvalidField, "the request is not a SearchRequest");
}

// `seed` chooses among many holders of a part of a book.
absl::Status RunSearch(const Catalog& catalog, const Sessions& sessions,
                       const v1::SearchRequest& request, bool loopback, uint64_t seed,
                       SearchBudget& budget, SearchWriter& writer) {
  const uint64_t revision = sessions.revision();  // the search finds this much, or more
  const absl::StatusOr<BookQuery> query = BookQuery::Parse(request);
  if (!query.ok()) return query.status();
  const absl::StatusOr<int> page_size =
      PageSize(request.page_size(), kStandardSearchResults, kMaxItems);
  if (!page_size.ok()) return page_size.status();
  const absl::StatusOr<std::optional<SearchKey>> after =
      ParseSearchToken(*query, request.page_token());
  if (!after.ok()) return after.status();

  std::optional<uint64_t> partial_seed;
  if (request.include_partial()) partial_seed = seed;
  const std::optional<SearchKey> last = catalog.Search(
      *query, loopback, static_cast<size_t>(*page_size), *after, partial_seed, writer, budget);
  if (last.has_value()) writer.SetNextPageToken(TokenFor(*query, *last));
  // The next page of a search by name has what this one lacks.
  const bool by_name = std::holds_alternative<BookName>(query->what());
  if (budget.incomplete() && !by_name) writer.SetIncomplete();
  if (revision > 0) writer.SetRevision(revision, sessions.behind());
  return absl::OkStatus();
}

grpc::ByteBuffer BytesOf(const SearchWriter& writer) {
  const grpc::Slice slice(writer.bytes().data(), writer.bytes().size());
  return grpc::ByteBuffer(&slice, 1);
}

// The memory is used again for the next search on this thread.
SearchWriter& EmptyWriter() {
  thread_local SearchWriter writer;
  writer.Clear();
  return writer;
}

}  // namespace

// A search that turned out to be expensive, or has to wait for other replicas. The first begins
// again on the thread for these, because most of what it has done was to find that out.
class IndexService::SearchReactor : public grpc::ServerUnaryReactor {
 public:
  SearchReactor(IndexService* service, const CallTimer& timer, v1::SearchRequest request,
                bool loopback, CallerShares::Share share, grpc::ByteBuffer* response)
      : service_(service),
        timer_(timer),
        request_(std::move(request)),
        loopback_(loopback),
        share_(std::move(share)),
        response_(response) {}

  // Runs once this replica has what the request asks for.
  void Await(const std::string& network) {
    const auto reached = [this, network](const absl::Status& status) {
      if (status.ok()) return service_->searching_.Add(network, [this] { Run(); });
      share_.GiveBack();
      Finish(ToGrpcStatus(timer_.End(status)));
    };
    if (request_.linearizable()) return service_->sessions_->AwaitLatest(reached);
    service_->sessions_->AwaitRevision(request_.at_least_revision(), reached);
  }
  // To be called once, by the thread for expensive searches.
  void Run() {
    SearchBudget budget(kMostEffort, &cancelled_);
    SearchWriter& writer = EmptyWriter();
    absl::Status status;
    if (!cancelled_) {
      status = RunSearch(*service_->catalog_, *service_->sessions_, request_, loopback_,
                         ++service_->search_count_, budget, writer);
    }
    if (cancelled_) status = absl::CancelledError("the caller has gone");
    if (status.ok()) *response_ = BytesOf(writer);
    share_.GiveBack();
    Finish(ToGrpcStatus(timer_.End(status)));
  }

  void OnCancel() override { cancelled_ = true; }
  // Comes after Finish, and therefore after Run.
  void OnDone() override { delete this; }

 private:
  IndexService* const service_;
  const CallTimer timer_;
  const v1::SearchRequest request_;
  const bool loopback_;
  CallerShares::Share share_;
  grpc::ByteBuffer* const response_;
  std::atomic<bool> cancelled_ = false;
};

grpc::ServerUnaryReactor* IndexService::Search(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  const CallTimer timer(&stats_, IndexMethod::kSearch);
  if (absl::Status s = CheckCaller(*context, IndexMethod::kSearch); !s.ok()) {
    return Answer(context, timer.End(s));
  }
  thread_local v1::SearchRequest parsed;
  SearchWriter& writer = EmptyWriter();
  SearchBudget budget(search_shares_.taken() > kFewWaiting ? kEffortInCrowd : kEffortAtOnce);
  absl::Status status = Parse(*request, parsed);
  const std::string peer = context->peer();
  const bool loopback = ParseCaller(peer).loopback;
  const bool waits = status.ok() && sessions_->replicated() &&
                     (parsed.linearizable() || parsed.at_least_revision() > sessions_->revision());
  if (status.ok() && !waits) {
    status = RunSearch(*catalog_, *sessions_, parsed, loopback, ++search_count_, budget, writer);
  }
  if (status.ok() && (waits || budget.incomplete())) {
    const std::string network = NetworkOfCaller(peer);
    absl::StatusOr<CallerShares::Share> share = search_shares_.Take(network);
    if (!share.ok()) return Answer(context, timer.End(share.status()));
    auto* const reactor =
        new SearchReactor(this, timer, parsed, loopback, *std::move(share), response);
    if (waits) {
      reactor->Await(network);
    } else {
      searching_.Add(network, [reactor] { reactor->Run(); });
    }
    return reactor;
  }
  if (status.ok()) *response = BytesOf(writer);
  return Answer(context, timer.End(status));
}

}  // namespace arkshare
