#include "services/index/catalog/search_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "arkshare/v1/index.pb.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

using Response = v1::SearchResponse;
using Result = v1::SearchResponse::Result;

// The most memory that is kept for the next answer.
constexpr size_t kMostKept = size_t{64} * 1024;

// https://protobuf.dev/programming-guides/encoding
enum WireType : uint32_t { kVarint = 0, kLengthDelimited = 2 };

// The tags of fields up to number 15 take one byte.
constexpr char Tag(int field, WireType type) { return static_cast<char>(field << 3 | type); }

constexpr size_t VarintBytes(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}
constexpr size_t TextBytes(size_t size) { return 1 + VarintBytes(size) + size; }

char* PutVarint(uint64_t value, char* to) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}
char* PutBytes(absl::string_view bytes, char* to) {
  std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}
char* PutHead(int field, size_t size, char* to) {
  *to++ = Tag(field, kLengthDelimited);
  return PutVarint(size, to);
}
char* PutText(int field, absl::string_view text, char* to) {
  return PutBytes(text, PutHead(field, text.size(), to));
}
char* PutNumber(int field, uint64_t value, char* to) {
  *to++ = Tag(field, kVarint);
  return PutVarint(value, to);
}
size_t NumberBytes(uint64_t value) { return 1 + VarintBytes(value); }

absl::string_view View(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

size_t BytesOf(const ContentId& content) {
  return TextBytes(content.root.size()) + NumberBytes(content.size);
}

// Returns the size of a holder without its tag and length. A number that is 0 may be left out.
size_t BytesOf(const SearchWriter::Holder& holder) {
  return holder.peer.size() + NumberBytes(holder.listing_number) +
         (holder.partial ? NumberBytes(1) : 0);
}

}  // namespace

std::string SearchWriter::EncodePeer(const PeerInfo& peer) {
  v1::Holder holder;
  holder.set_peer_id(peer.peer_id);
  holder.set_public_key(peer.key.bytes());
  holder.set_address(peer.address);
  holder.set_policy(peer.policy);
  holder.set_free_slots(peer.free_slots);
  holder.set_upload_limit(peer.upload_limit);
  holder.set_relay_port(peer.relay_port);
  return holder.SerializeAsString();
}

void SearchWriter::AddResult(absl::string_view name, const ContentId& content,
                             absl::Span<const Holder> holders, uint32_t holder_count) {
  size_t size = TextBytes(name.size()) + TextBytes(BytesOf(content)) + NumberBytes(holder_count);
  for (const Holder& holder : holders) size += TextBytes(BytesOf(holder));

  char* to = Reserve(TextBytes(size));
  to = PutHead(Response::kResultsFieldNumber, size, to);
  to = PutText(Result::kNameFieldNumber, name, to);
  to = PutHead(Result::kContentFieldNumber, BytesOf(content), to);
  to = PutText(v1::ContentId::kRootFieldNumber, View(content.root), to);
  to = PutNumber(v1::ContentId::kSizeBytesFieldNumber, content.size, to);
  for (const Holder& holder : holders) {
    to = PutHead(Result::kHoldersFieldNumber, BytesOf(holder), to);
    to = PutBytes(holder.peer, to);
    to = PutNumber(v1::Holder::kListingNumberFieldNumber, holder.listing_number, to);
    if (holder.partial) to = PutNumber(v1::Holder::kPartialFieldNumber, 1, to);
  }
  to = PutNumber(Result::kHolderCountFieldNumber, holder_count, to);
  size_ = static_cast<size_t>(to - bytes_.data());
  ends_.push_back(size_);
}

void SearchWriter::Arrange(absl::Span<const size_t> order) {
  arranged_.resize(std::max(size_, arranged_.size()));
  char* to = arranged_.data();
  for (const size_t result : order) {
    const size_t begin = result == 0 ? 0 : ends_[result - 1];
    to = PutBytes({bytes_.data() + begin, ends_[result] - begin}, to);
  }
  bytes_.swap(arranged_);
}

void SearchWriter::SetNextPageToken(absl::string_view token) {
  char* to = Reserve(TextBytes(token.size()));
  to = PutText(Response::kNextPageTokenFieldNumber, token, to);
  size_ = static_cast<size_t>(to - bytes_.data());
}

void SearchWriter::SetIncomplete() {
  char* to = Reserve(NumberBytes(1));
  to = PutNumber(Response::kIncompleteFieldNumber, 1, to);
  size_ = static_cast<size_t>(to - bytes_.data());
}

void SearchWriter::SetRevision(uint64_t revision, absl::Duration behind) {
  v1::SearchResponse response;
  response.set_revision(revision);
  if (behind > absl::ZeroDuration()) *response.mutable_behind() = ToProto(behind);
  const std::string bytes = response.SerializeAsString();
  char* to = PutBytes(bytes, Reserve(bytes.size()));
  size_ = static_cast<size_t>(to - bytes_.data());
}

void SearchWriter::Clear() {
  for (std::string* bytes : {&bytes_, &arranged_}) {
    if (bytes->size() > kMostKept) *bytes = std::string();
  }
  size_ = 0;
  ends_.clear();
}

char* SearchWriter::Reserve(size_t more) {
  if (size_ + more > bytes_.size()) bytes_.resize(std::max(size_ + more, 2 * bytes_.size()));
  return bytes_.data() + size_;
}

}  // namespace arkshare
