#include "services/peer/web/page_books.h"

#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/http/connect_json.h"
#include "lib/rpc/convert.h"
#include "services/peer/web/book_view.h"

namespace arkshare {
namespace {

constexpr int kNoRoom = 507;
// After the address of a book: the browser saves it, whatever its type.
constexpr absl::string_view kForSaving = "?save";

HttpResponse NotAdded(const absl::Status& why) {
  return ConnectErrorResponse(why, GetReason(why) == Reason::kDiskFull ? kNoRoom : 0);
}

class AddedBookSink : public BodySink {
 public:
  AddedBookSink(std::unique_ptr<AddedBook> book, BookName name)
      : book_(std::move(book)), name_(std::move(name)) {}

  bool Write(absl::string_view bytes) override {
    status_ = book_->Write(bytes);
    return status_.ok();
  }
  HttpResponse End() override {
    if (!status_.ok()) return NotAdded(status_);
    const absl::StatusOr<std::optional<Book>> book = book_->Finish();
    if (!book.ok()) return NotAdded(book.status());
    v1::LibraryEntry entry;
    entry.set_name(name_.value());
    if (book->has_value()) {
      *entry.mutable_listing() = ToProto((*book)->listing());
      entry.set_size_bytes((*book)->record.content.size);
    }
    const absl::StatusOr<std::string> json = ToJson(entry);
    if (!json.ok()) return ConnectErrorResponse(json.status());
    HttpResponse response{.status = 201};
    response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
    response.body = *json;
    return response;
  }

 private:
  const std::unique_ptr<AddedBook> book_;
  const BookName name_;
  absl::Status status_;
};

// The bytes of an open file.
class FileSource : public BodySource {
 public:
  FileSource(UniqueFd file, const ByteRange& range)
      : file_(std::move(file)), at_(range.first), left_(range.size) {}

  std::optional<size_t> Read(char* buffer, size_t size) override {
    const size_t part = std::min<uint64_t>(size, left_);
    if (part == 0) return 0;
    const absl::Status read = ReadFully(file_.get(), at_, reinterpret_cast<uint8_t*>(buffer), part);
    if (!read.ok()) return std::nullopt;
    at_ += part;
    left_ -= part;
    return part;
  }

 private:
  const UniqueFd file_;
  uint64_t at_;
  uint64_t left_;
};

std::string PercentEncode(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded.push_back(c);
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", byte);
    }
  }
  return encoded;
}

absl::string_view LastPart(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

// A book is not a page of ours: nothing in it runs, and nothing in it loads anything. The viewers
// of PDF do not work in a sandbox.
std::string PolicyOf(const BookTickets::Book& book) {
  const absl::string_view sandbox = book.media_type == "application/pdf" ? "" : "sandbox; ";
  return absl::StrCat(sandbox, "default-src 'none'; img-src 'self'; media-src 'self'; ",
                      "frame-ancestors 'self'");
}

HttpResponse NoSuchBook() {
  return TextResponse(404,
                      "this address of a book is over, or the book has changed; open it again");
}

absl::StatusOr<BookName> NameFromPath(absl::string_view encoded) {
  const absl::StatusOr<std::string> decoded = PercentDecode(encoded);
  if (!decoded.ok()) {
    return MakeError(Reason::kInvalidName,
                     absl::StrCat("the address has ", decoded.status().message()));
  }
  return BookName::Parse(*decoded);
}

}  // namespace

std::variant<std::unique_ptr<BodySink>, HttpResponse> PageBooks::Add(absl::string_view name,
                                                                     const HttpRequest& request) {
  const std::optional<uint64_t> size = request.ContentLength();
  if (!size.has_value()) {
    return ConnectErrorResponse(
        MakeError(Reason::kInvalidField, "say how long the book is: send Content-Length"), 411);
  }
  absl::StatusOr<BookName> parsed = NameFromPath(name);
  if (!parsed.ok()) return ConnectErrorResponse(parsed.status());
  absl::StatusOr<std::unique_ptr<AddedBook>> book = AddedBook::Begin(parts_, *parsed, *size);
  if (!book.ok()) return NotAdded(book.status());
  return std::unique_ptr<BodySink>(
      std::make_unique<AddedBookSink>(*std::move(book), *std::move(parsed)));
}

absl::Status PageBooks::Open(const std::string& session, const v1::OpenBookRequest& request,
                             v1::OpenBookResponse* response) {
  const absl::StatusOr<BookName> name = BookName::Parse(request.name());
  if (!name.ok()) return name.status();
  const std::optional<Book> book = parts_.library->Find(*name);
  if (!book.has_value()) {
    return MakeError(Reason::kBookNotFound, absl::StrCat("the library has no book named ",
                                                         EscapeForDisplay(name->value())));
  }
  const absl::StatusOr<SharedFolder::OpenedFile> file = parts_.folder->OpenFile(book->record.path);
  if (!file.ok()) {
    return MakeError(Reason::kBookNotFound,
                     absl::StrCat("the file cannot be read: ", file.status().message()));
  }
  const uint64_t size = file->stat.identity.size;
  std::string front(std::min<uint64_t>(size, kTypeBytes), '\0');
  const absl::Status read =
      ReadFully(file->fd.get(), 0, reinterpret_cast<uint8_t*>(front.data()), front.size());
  if (!read.ok()) front.clear();
  MediaType type = MediaTypeOf(front);
  response->set_media_type(type.name);
  response->set_inline_(type.is_inline);
  response->set_size_bytes(size);
  const absl::StatusOr<std::string> ticket =
      tickets_.Make(session, {.path = book->record.path,
                              .identity = file->stat.identity,
                              .etag = absl::StrCat("\"", ToHex(book->record.content.root), "\""),
                              .media_type = std::move(type.name),
                              .is_inline = type.is_inline});
  if (!ticket.ok()) return ticket.status();
  response->set_path(
      absl::StrCat("/content/", *ticket, "/", PercentEncode(LastPart(name->value()))));
  return absl::OkStatus();
}

HttpResponse PageBooks::Read(const std::string& ticket, const HttpRequest& request) {
  const std::optional<BookTickets::Book> book = tickets_.Find(ticket);
  if (!book.has_value()) return NoSuchBook();
  absl::StatusOr<SharedFolder::OpenedFile> file = parts_.folder->OpenFile(book->path);
  if (!file.ok() || !(file->stat.identity == book->identity)) return NoSuchBook();
  const uint64_t size = book->identity.size;
  const bool shows = book->is_inline && !absl::EndsWith(request.target, kForSaving);
  HttpResponse response;
  response.headers = {
      {"Content-Type", book->media_type},
      {"Content-Security-Policy", PolicyOf(*book)},
      {"Content-Disposition", absl::StrCat(shows ? "inline" : "attachment", "; filename*=UTF-8''",
                                           PercentEncode(LastPart(book->path)))},
      {"Accept-Ranges", "bytes"},
      {"Cache-Control", "private, no-cache"},
      {"ETag", book->etag}};
  const std::string* const tag = request.Header("if-none-match");
  if (tag != nullptr && *tag == book->etag) {
    response.status = 304;
    return response;
  }
  ByteRange range{0, size};
  const std::string* const asked = request.Header("range");
  const std::string* const only_if = request.Header("if-range");
  if (asked != nullptr && (only_if == nullptr || *only_if == book->etag)) {
    const auto parsed = ParseRange(*asked, size);
    if (std::holds_alternative<NoSuchRange>(parsed)) {
      response.status = 416;
      response.headers.emplace_back("Content-Range", absl::StrCat("bytes */", size));
      return response;
    }
    if (const auto& part = std::get<std::optional<ByteRange>>(parsed)) {
      range = *part;
      response.status = 206;
      response.headers.emplace_back(
          "Content-Range",
          absl::StrCat("bytes ", range.first, "-", range.first + range.size - 1, "/", size));
    }
  }
  response.source_size = range.size;
  response.source = std::make_unique<FileSource>(std::move(file->fd), range);
  return response;
}

}  // namespace arkshare
