#include "services/peer/owner/library_calls.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/search_words.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/peer/owner/library_order.h"

namespace arkshare {
namespace {

// Items that are read under one lock.
constexpr size_t kReadTogether = 1000;
// Begins a page token that counts the entries before the page. Another token is the hex of the last
// path, since a token must be UTF-8 and a path need not be.
constexpr absl::string_view kCountToken = "n";

absl::Status WrongToken() {
  return MakeError(Reason::kPageTokenInvalid, "page_token is not one that this call returned");
}

}  // namespace

void LibraryCalls::AddEntries(absl::Span<const LibraryItem> items,
                              v1::ListLibraryResponse* response) const {
  for (v1::LibraryEntry& entry : entries_->Describe(items)) {
    *response->add_entries() = std::move(entry);
  }
}

absl::Status LibraryCalls::ListInOrder(const v1::ListLibraryRequest& request, int page_size,
                                       v1::ListLibraryResponse* response) const {
  std::vector<std::string> words = QueryWords(request.keywords());
  if (words.empty() && !request.keywords().empty()) {
    return MakeError(Reason::kQueryEmpty, "give at least one word of letters or digits");
  }
  uint64_t skip = request.skip();
  absl::string_view token = request.page_token();
  if (!token.empty() &&
      (!absl::ConsumePrefix(&token, kCountToken) || !absl::SimpleAtoi(token, &skip))) {
    return WrongToken();
  }
  LibraryOrder order(std::move(words), request.order(), request.reverse());
  std::string after;
  while (true) {
    std::vector<LibraryKey> keys = library_->Keys(after, kReadTogether);
    const bool last = keys.size() < kReadTogether;
    if (!last) after = keys.back().path;
    for (LibraryKey& key : keys) order.Add(std::move(key));
    if (last) break;
  }
  response->set_total_count(order.size());
  const std::vector<std::string> page = order.Page(skip, static_cast<size_t>(page_size));
  std::vector<LibraryItem> items;
  for (const std::string& path : page) {
    // It may have gone meanwhile.
    if (std::optional<LibraryItem> item = library_->ItemAt(path)) {
      items.push_back(*std::move(item));
    }
  }
  AddEntries(items, response);
  if (skip + page.size() < order.size() && !page.empty()) {
    response->set_next_page_token(absl::StrCat(kCountToken, skip + page.size()));
  }
  return absl::OkStatus();
}

grpc::Status LibraryCalls::ListLibrary(const v1::ListLibraryRequest& request,
                                       v1::ListLibraryResponse* response) const {
  if (!request.name().empty()) {
    absl::StatusOr<BookName> name = BookName::Parse(request.name());
    if (!name.ok()) return ToGrpcStatus(name.status());
    if (std::optional<Book> book = library_->Find(*name)) {
      const uint64_t size = book->record.content.size;
      const std::string path = book->record.path;
      AddEntries({LibraryItem{path, size, *std::move(book), ""}}, response);
    } else if (std::optional<LibraryItem> item = library_->FindUnlisted(name->value())) {
      AddEntries({*std::move(item)}, response);
    }
    response->set_total_count(static_cast<uint64_t>(response->entries_size()));
    return grpc::Status::OK;
  }
  absl::StatusOr<int> page = PageSize(request.page_size(), kMaxItems, kMaxItems);
  if (!page.ok()) return ToGrpcStatus(page.status());
  const bool by_path =
      request.order() == v1::LIBRARY_ORDER_UNSPECIFIED || request.order() == v1::LIBRARY_ORDER_NAME;
  if (!by_path || request.reverse() || request.skip() > 0 || !request.keywords().empty()) {
    return ToGrpcStatus(ListInOrder(request, *page, response));
  }
  absl::StatusOr<std::string> after = FromHex(request.page_token());
  if (!after.ok()) return ToGrpcStatus(WrongToken());
  const std::vector<LibraryItem> items = library_->Items(*after, static_cast<size_t>(*page));
  AddEntries(items, response);
  const Library::Totals totals = library_->GetTotals();
  response->set_total_count(totals.books + totals.unlisted);
  if (items.size() == static_cast<size_t>(*page)) {
    response->set_next_page_token(ToHex(items.back().path));
  }
  return grpc::Status::OK;
}

grpc::Status LibraryCalls::HasBooks(const v1::HasBooksRequest& request,
                                    v1::HasBooksResponse* response) const {
  if (absl::Status s = CheckItemCount(request.contents_size()); !s.ok()) return ToGrpcStatus(s);
  for (const v1::ContentId& proto : request.contents()) {
    absl::StatusOr<ContentId> content = FromProto(proto);
    if (!content.ok()) return ToGrpcStatus(content.status());
    v1::HasBooksResponse::Result* const result = response->add_results();
    if (const std::optional<Book> book = library_->FindContent(*content)) {
      result->set_here(true);
      result->set_name(book->record.name.value());
    }
  }
  return grpc::Status::OK;
}

grpc::Status LibraryCalls::Share(const grpc::ServerContext& context,
                                 const v1::ShareRequest& request,
                                 v1::ShareResponse* response) const {
  if (absl::Status s = CheckItemCount(request.paths_size()); !s.ok()) return ToGrpcStatus(s);
  for (const std::string& path : request.paths()) {
    v1::ShareResponse::Result* result = response->add_results();
    result->set_path(path);
    absl::StatusOr<Sharing::Shared> shared =
        sharing_->Share(path, [&context] { return context.IsCancelled(); });
    if (context.IsCancelled()) return grpc::Status::CANCELLED;
    if (!shared.ok()) {
      *result->mutable_error() = ToItemError(shared.status());
      continue;
    }
    result->set_name(shared->first_name);
    result->set_file_count(shared->file_count);
    result->set_refused_count(shared->refused_count);
    for (const Sharing::Refused& refused : shared->refused) {
      v1::ShareResponse::Refused* proto = result->add_refused();
      proto->set_path(EscapeForDisplay(refused.path));
      *proto->mutable_error() = ToItemError(refused.why);
    }
  }
  return grpc::Status::OK;
}

grpc::Status LibraryCalls::Unshare(const v1::UnshareRequest& request,
                                   v1::UnshareResponse* response) const {
  if (absl::Status s = CheckItemCount(request.names_size()); !s.ok()) return ToGrpcStatus(s);
  for (const std::string& name : request.names()) {
    v1::UnshareResponse::Result* result = response->add_results();
    result->set_name(name);
    absl::Status status = sharing_->Unshare(name);
    if (!status.ok()) *result->mutable_error() = ToItemError(status);
  }
  return grpc::Status::OK;
}

}  // namespace arkshare
