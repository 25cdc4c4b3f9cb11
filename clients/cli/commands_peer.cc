#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "clients/cli/commands.h"
#include "clients/cli/fetch.h"
#include "clients/cli/json.h"
#include "clients/cli/progress.h"
#include "clients/cli/render.h"
#include "clients/cli/share_watch.h"
#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/member_list.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

std::string NoteOf(const v1::LibraryEntry& entry) {
  if (!entry.unshared_reason().empty()) {
    return absl::StrCat("not shared: ", EscapeForDisplay(entry.unshared_reason()));
  }
  if (!entry.has_listing()) return "being hashed";
  std::vector<std::string> notes;
  if (!entry.trouble().empty()) notes.push_back(EscapeForDisplay(entry.trouble()));
  if (!entry.not_indexed_reason().empty()) {
    notes.push_back(
        absl::StrCat("not at the index: ", EscapeForDisplay(entry.not_indexed_reason())));
  }
  if (entry.lend_only() && entry.trouble().empty()) {
    notes.push_back(absl::StrCat("only lent: ", EscapeForDisplay(entry.lend_only_reason())));
  }
  return absl::StrJoin(notes, "; ");
}

// "ada, full".
std::string MemberInWords(const v1::Member& member) {
  const std::string role(RoleName(static_cast<MemberRole>(member.role())));
  return absl::StrCat(member.name().empty() ? "without a name" : member.name(), ", ",
                      role.empty() ? "role unknown" : role);
}

// How other peers reach this one, and how it could be faster.
std::string ReachableInWords(const v1::GetStatusResponse& status) {
  if (status.way() == v1::WAY_RELAYED) {
    const absl::StatusOr<HostPort> own = ParseHostPort(status.listen_address());
    return absl::StrCat(
        "through the relay of ", status.relay_address(),
        own.ok() ? absl::StrCat(" (opening port ", own->port, " in your router makes it faster)")
                 : "");
  }
  if (status.way() == v1::WAY_DIRECT) {
    if (status.mapped_address().empty()) return "directly";
    const absl::StatusOr<HostPort> mapped = ParseHostPort(status.mapped_address());
    return absl::StrCat(
        "directly: your router opened port ", mapped.ok() ? mapped->port : 0, " for it (",
        status.mapped_by(), ", until ",
        absl::FormatTime("%H:%M", absl::FromUnixSeconds(status.mapped_until().seconds()),
                         absl::LocalTimeZone()),
        ")");
  }
  return status.relay_address().empty() ? "no, and this index has no relay" : "no";
}

// Returns at most kMaxItems items, starting with item `begin`.
template <typename T>
std::vector<T> Batch(const std::vector<T>& all, size_t begin) {
  return {all.begin() + static_cast<std::ptrdiff_t>(begin),
          all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), begin + kMaxItems))};
}

absl::StatusOr<v1::ShareResponse> CallShare(Session& session, const v1::ShareRequest& request) {
  const ShareWatch watch(session, request);
  // No timeout: the time to copy grows with the size of the files.
  return session.connection.peer().Call(&v1::PeerService::Stub::Share, request,
                                        absl::InfiniteDuration());
}

// Reports what of a path is shared and what is not. Returns the exit code.
int ReportShared(Session& session, const v1::ShareResponse::Result& result) {
  Console& console = session.console;
  if (!console.json && result.file_count() > 0) {
    console.out << "shared " << EscapeForDisplay(result.name());
    if (result.file_count() > 1) {
      console.out << " and " << Count(result.file_count() - 1, "more file", "more files");
    }
    console.out << '\n';
  }
  int worst = kExitDone;
  for (const v1::ShareResponse::Refused& refused : result.refused()) {
    worst = std::max(worst, Report(session, FromItemError(refused.error()),
                                   absl::StrCat(result.path(), "/", refused.path())));
  }
  const uint64_t shown = static_cast<uint64_t>(result.refused_size());
  if (result.refused_count() > shown && !console.json) {
    console.err << "and " << Count(result.refused_count() - shown, "more file", "more files")
                << " not shared\n";
  }
  return worst;
}

}  // namespace

int RunLs(Session& session) {
  Console& console = session.console;
  uint64_t books = 0;
  uint64_t bytes = 0;
  uint64_t others = 0;
  absl::Status status;
  {
    Table table(console.out, {{"NAME"}, {"SIZE", true}, {"ROOT"}, {"NOTE"}});
    status = ForEachLibraryEntry(session.connection.peer(), [&](const v1::LibraryEntry& entry) {
      if (console.json) {
        console.out << ToJson(entry) << '\n';
        return;
      }
      if (entry.unshared_reason().empty()) {
        ++books;
        bytes += entry.size_bytes();
      } else {
        ++others;
      }
      table.Add({EscapeForDisplay(entry.name()), FormatByteSize(entry.size_bytes()),
                 ShortRoot(entry.listing().content()), NoteOf(entry)});
    });
  }
  if (!status.ok() || console.json) return Report(session, status);
  if (books + others == 0) {
    console.out << "the folder is empty; put files into it, or run arkshare-cli share PATH\n";
    return kExitDone;
  }
  console.out << Count(books, "book", "books") << ", " << FormatByteSize(bytes);
  if (others > 0) console.out << "; " << others << " not shared";
  console.out << '\n';
  return kExitDone;
}

int RunStatus(Session& session) {
  Console& console = session.console;
  const absl::StatusOr<v1::GetStatusResponse> status =
      session.connection.peer().Call(&v1::PeerService::Stub::GetStatus, v1::GetStatusRequest());
  if (!status.ok()) return Report(session, status.status());
  if (console.json) {
    console.out << ToJson(*status) << '\n';
    return kExitDone;
  }
  const auto line = [&console](absl::string_view key, absl::string_view value) {
    console.out << key << std::string(16 - key.size(), ' ')
                << (value.empty() ? "-" : EscapeForDisplay(value)) << '\n';
  };
  const v1::GroupStatus& group = status->group();
  line("peer",
       status->peer_id() == 0 ? "" : PeerWithName(status->peer_id(), group.member().name()));
  line("online", status->online() ? "yes" : "no");
  if (!status->trouble().empty()) line("trouble", status->trouble());
  line("address", status->address());
  line("listens at", status->listen_address());
  if (status->online()) line("reachable", ReachableInWords(*status));
  if (status->relayed_connections() > 0) {
    line("relayed", absl::StrCat(Count(status->relayed_connections(), "connection", "connections"),
                                 ", ", FormatByteSize(status->relayed_bytes())));
  }
  line("index", status->index_address());
  line("public key", ToHex(status->public_key()));
  if (status->has_group()) {
    line("group", absl::StrCat("of the index ", ToHex(group.index_public_key()).substr(0, 12), ", ",
                               Count(group.member_count(), "member", "members"), ", list version ",
                               group.members_version()));
    line("member", MemberInWords(group.member()));
  }
  line("policy", PolicyInWords(status->policy()));
  line("folder", status->share_folder());
  line("books",
       absl::StrCat(status->book_count(), " (", FormatByteSize(status->book_bytes()), ")"));
  if (status->pending_files() > 0) {
    line("being hashed", Count(status->pending_files(), "file", "files"));
  }
  if (status->not_indexed_count() > 0) {
    line("not at index", absl::StrCat(Count(status->not_indexed_count(), "book", "books"),
                                      "; arkshare-cli ls says which and why"));
  }
  for (const v1::ShareProgress& share : status->shares()) {
    line("sharing", absl::StrCat(share.path(), ": ", SharedInWords(share)));
  }
  line("uploads", absl::StrCat(status->uploads_running(), " of ", status->upload_slots(),
                               " slots, ", status->uploads_waiting(), " waiting"));
  line("upload limit", LimitInWords(status->upload_limit()));
  line("download limit", LimitInWords(status->download_limit()));
  if (status->limbo_count() > 0) {
    line("in limbo", absl::StrCat(Count(status->limbo_count(), "book", "books"),
                                  " given away and not yet confirmed; see arkshare-cli limbo"));
  }
  return kExitDone;
}

int RunShare(Session& session, const ShareOptions& options) {
  Console& console = session.console;
  std::vector<std::string> paths;
  for (const std::string& path : options.paths) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(path, error);
    if (error || path.empty()) {
      return Report(session,
                    MakeError(Reason::kInvalidField, "is not a path; name a file or folder"), path);
    }
    paths.push_back(absolute.string());
  }
  int worst = kExitDone;
  for (size_t begin = 0; begin < paths.size(); begin += kMaxItems) {
    v1::ShareRequest request;
    for (const std::string& path : Batch(paths, begin)) request.add_paths(path);
    const absl::StatusOr<v1::ShareResponse> response = CallShare(session, request);
    if (session.interrupts.triggered()) {
      console.err << "the peer ends the copy; arkshare-cli ls shows the files that are shared\n";
    }
    if (!response.ok()) return std::max(worst, Report(session, response.status()));
    for (const v1::ShareResponse::Result& result : response->results()) {
      if (console.json) console.out << ToJson(result) << '\n';
      if (result.has_error()) {
        worst = std::max(worst, Report(session, FromItemError(result.error()), result.path()));
      } else {
        worst = std::max(worst, ReportShared(session, result));
      }
    }
  }
  return worst;
}

int RunUnshare(Session& session, const UnshareOptions& options) {
  Console& console = session.console;
  std::vector<std::string> names;
  for (const std::string& name : options.names) {
    const absl::StatusOr<BookName> parsed = BookName::Parse(name);
    if (!parsed.ok()) return Report(session, parsed.status());
    names.push_back(parsed->value());
  }
  int worst = kExitDone;
  for (size_t begin = 0; begin < names.size(); begin += kMaxItems) {
    v1::UnshareRequest request;
    for (const std::string& name : Batch(names, begin)) request.add_names(name);
    const absl::StatusOr<v1::UnshareResponse> response =
        session.connection.peer().Call(&v1::PeerService::Stub::Unshare, request);
    if (!response.ok()) return std::max(worst, Report(session, response.status()));
    for (const v1::UnshareResponse::Result& result : response->results()) {
      if (console.json) console.out << ToJson(result) << '\n';
      if (result.has_error()) {
        worst = std::max(worst, Report(session, FromItemError(result.error()), result.name()));
      } else if (!console.json) {
        console.out << "no longer shared: " << EscapeForDisplay(result.name())
                    << " (the file stays where it is)\n";
      }
    }
  }
  return worst;
}

int RunLimits(Session& session, const LimitsOptions& options) {
  Console& console = session.console;
  v1::SetLimitsRequest request;
  if (options.upload.has_value()) request.set_upload_limit(*options.upload);
  if (options.download.has_value()) request.set_download_limit(*options.download);
  const absl::StatusOr<v1::SetLimitsResponse> response =
      session.connection.peer().Call(&v1::PeerService::Stub::SetLimits, request);
  if (!response.ok()) return Report(session, response.status());
  if (console.json) {
    console.out << ToJson(*response) << '\n';
    return kExitDone;
  }
  console.out << "upload limit    " << LimitInWords(response->upload_limit()) << '\n'
              << "download limit  " << LimitInWords(response->download_limit()) << '\n';
  return kExitDone;
}

int RunQuit(Session& session) {
  const absl::StatusOr<v1::ShutdownResponse> response = session.connection.peer().Call(
      &v1::PeerService::Stub::Shutdown, v1::ShutdownRequest(), kShutdownTimeout);
  if (!response.ok()) return Report(session, response.status());
  if (!session.console.json) session.console.out << "--- Connection with Server closed ---\n";
  return kExitDone;
}

}  // namespace arkshare
