#include "services/index/replica/steps.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <utility>

#include "arkshare/v1/index.pb.h"
#include "lib/core/content_id.h"
#include "lib/rpc/convert.h"
#include "services/index/sessions/announce_reader.h"
#include "services/index/sessions/wire_reader.h"

namespace arkshare {
namespace {

std::optional<PublicKey> ParsePeer(absl::string_view hex) {
  const absl::StatusOr<std::string> bytes = FromHex(hex);
  if (!bytes.ok()) return std::nullopt;
  const absl::StatusOr<PublicKey> key = PublicKey::FromBytes(*bytes);
  if (!key.ok()) return std::nullopt;
  return *key;
}

std::string Owned(absl::string_view kind, const PublicKey& peer) {
  return absl::StrCat(kind, ToHex(peer.bytes()));
}

std::string Once(absl::string_view replica, uint64_t count) {
  return absl::StrCat(replica, "-", absl::Hex(count, absl::kZeroPad8));
}

bool IsRange(const replica::Range& range) {
  return 0 < range.first() && range.first() <= range.last();
}

}  // namespace

std::optional<LogKey> LogKey::Parse(absl::string_view key) {
  LogKey parsed;
  const std::vector<absl::string_view> parts = absl::StrSplit(key, '/');
  if (parts.size() < 2) return std::nullopt;
  if (parts[0] == "r" && parts.size() == 2) {
    parsed.replica = std::string(parts[1]);
    return parsed;
  }
  if (parts[0] == "n" && parts.size() == 2) {
    parsed.kind = Kind::kNumber;
    if (!absl::SimpleHexAtoi(parts[1], &parsed.number)) return std::nullopt;
    return parsed;
  }
  const std::optional<PublicKey> peer = ParsePeer(parts[1]);
  if (!peer.has_value()) return std::nullopt;
  parsed.peer = *peer;
  if (parts[0] == "s" && parts.size() == 2) {
    parsed.kind = Kind::kSession;
  } else if (parts[0] == "l" && parts.size() == 2) {
    parsed.kind = Kind::kClaim;
  } else if (parts[0] == "t" && parts.size() == 3) {
    parsed.kind = Kind::kGrave;
  } else if (parts[0] == "c" && parts.size() == 4 && absl::SimpleHexAtoi(parts[2], &parsed.epoch)) {
    parsed.kind = Kind::kPage;
  } else {
    return std::nullopt;
  }
  return parsed;
}

std::string ReplicaKey(absl::string_view replica) { return absl::StrCat("r/", replica); }
std::string SessionKey(const PublicKey& peer) { return Owned("s/", peer); }
std::string ClaimKey(const PublicKey& peer) { return Owned("l/", peer); }
std::string NumberKey(uint32_t number) {
  return absl::StrCat("n/", absl::Hex(number, absl::kZeroPad8));
}
std::string PageKey(const PublicKey& peer, int64_t epoch, absl::string_view replica,
                    uint64_t count) {
  return absl::StrCat(Owned("c/", peer), "/", absl::Hex(epoch, absl::kZeroPad16), "/",
                      Once(replica, count));
}
std::string GraveKey(const PublicKey& source, absl::string_view replica, uint64_t count) {
  return absl::StrCat(Owned("t/", source), "/", Once(replica, count));
}

void AddStated(const Catalog::Stated& stated, replica::PageRecord& page) {
  for (const BookListing& book : stated.present) {
    v1::Statement statement;
    *statement.mutable_present() = ToProto(book);
    page.add_statements(statement.SerializeAsString());
  }
  for (const NumberRange& range : stated.gone) {
    replica::Range& gone = *page.add_gone();
    gone.set_first(range.first);
    gone.set_last(range.last);
  }
}

std::string EncodeStatement(const StatementRecord& statement) {
  v1::Statement proto;
  if (statement.present.has_value()) {
    *proto.mutable_present() = ToProto(*statement.present);
  } else {
    proto.set_gone_listing_number(statement.number);
  }
  return proto.SerializeAsString();
}

replica::PageRecord MakePage(uint64_t first_sequence, absl::Span<const StatementRecord> statements,
                             bool complete, absl::Span<const size_t> left_out) {
  replica::PageRecord page;
  page.set_first_sequence(first_sequence);
  page.set_snapshot_complete(complete);
  if (!left_out.empty()) page.set_through(first_sequence + statements.size() - 1);
  for (size_t i = 0; i < statements.size(); ++i) {
    if (!left_out.empty() && left_out.front() == i) {
      left_out.remove_prefix(1);
    } else {
      page.add_statements(EncodeStatement(statements[i]));
    }
  }
  return page;
}

std::optional<Page> ReadPage(absl::string_view value) {
  absl::StatusOr<AnnounceMessage> read = ReadAnnouncement(value);
  if (!read.ok()) return std::nullopt;
  Page page;
  page.statements = std::move(read->statements);
  page.complete = read->snapshot_complete;
  if (read->first_sequence > 0) page.through = read->first_sequence + page.statements.size() - 1;
  for (WireReader in(value); in.Next();) {
    if (in.IsNumber(replica::PageRecord::kThroughFieldNumber)) page.through = in.number();
    if (in.IsBytes(replica::PageRecord::kGoneFieldNumber)) {
      replica::Range range;
      if (!range.ParseFromArray(in.bytes().data(), static_cast<int>(in.bytes().size()))) {
        return std::nullopt;
      }
      if (IsRange(range)) page.gone.push_back({range.first(), range.last()});
    }
    if (!in.IsBytes(replica::PageRecord::kOriginsFieldNumber)) continue;
    replica::PageRecord::Origin origin;
    if (!origin.ParseFromArray(in.bytes().data(), static_cast<int>(in.bytes().size()))) {
      return std::nullopt;
    }
    const absl::StatusOr<PublicKey> source = PublicKey::FromBytes(origin.public_key());
    if (!source.ok() || origin.statement() > page.statements.size()) return std::nullopt;
    page.origins.push_back(
        {*source, origin.listing_number(),
         origin.statement() == 0 ? Page::Origin::kNone : size_t{origin.statement()} - 1});
  }
  return page;
}

std::vector<NumberRange> NumbersOf(const replica::GraveRecord& grave) {
  NumberSet numbers;
  for (const uint64_t number : grave.listing_numbers()) numbers.Insert(number);
  for (const replica::Range& range : grave.ranges()) {
    if (IsRange(range)) numbers.Insert({range.first(), range.last()});
  }
  return numbers.Runs();
}

std::vector<NumberRange> NumbersOf(const Page& page) {
  NumberSet numbers;
  for (const StatementRecord& statement : page.statements) numbers.Insert(statement.number);
  for (const NumberRange& range : page.gone) numbers.Insert(range);
  return numbers.Runs();
}

}  // namespace arkshare
