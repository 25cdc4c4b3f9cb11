// The command that writes the TLS files of the own peer.
#include <absl/strings/str_cat.h>

#include <string>

#include "clients/cli/commands.h"
#include "clients/cli/group.h"
#include "clients/cli/json.h"
#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/leaf_certificate.h"
#include "lib/files/tls_folder.h"

namespace arkshare {
namespace {

absl::Status WriteTls(const std::string& folder, const v1::ExportTlsResponse& exported) {
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(exported.certificate());
  if (!claims.ok()) return claims.status();
  // Files of an earlier call for the same peer may be replaced, and no others.
  const absl::Status written =
      WriteTlsFolder(folder, {exported.certificate(), exported.private_key()},
                     exported.certificate_authorities(), &claims->key);
  if (written.ok()) return written;
  return MakeError(Reason::kInvalidField, written.message());
}

// Returns `text` as a word for a shell.
std::string ShellWord(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789._/:[]+-,@%") == std::string::npos;
  if (plain && text[0] != '-') return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return absl::StrCat(quoted, "'");
}

}  // namespace

int RunTls(Session& session, const TlsExportOptions& options) {
  Console& console = session.console;
  v1::ExportTlsRequest request;
  request.set_with_certificate_authorities(true);
  const absl::StatusOr<v1::ExportTlsResponse> exported =
      session.connection.peer().Call(&v1::PeerService::Stub::ExportTls, request);
  if (!exported.ok()) return Report(session, exported.status());
  const absl::StatusOr<Group> group = GroupFromProto(*exported);
  if (!group.ok()) return Report(session, group.status());
  const std::string& folder = options.folder;
  if (absl::Status s = WriteTls(folder, *exported); !s.ok()) return Report(session, s);
  const std::string certificate = CertificateFileIn(folder);
  const std::string key = PrivateKeyFileIn(folder);
  const std::string authorities = AuthoritiesFileIn(folder);
  const std::string index = session.connection.index().Target().value_or("HOST:PORT");
  if (console.json) {
    JsonObject object;
    object.Add("certificate", certificate)
        .Add("private_key", key)
        .Add("certificate_authorities", authorities)
        .Add("index_public_key", group->index.hex())
        .Add("index_address", index);
    console.out << object.Finish() << '\n' << std::flush;
  } else {
    console.out << "wrote " << EscapeForDisplay(certificate) << ", " << EscapeForDisplay(key)
                << " and " << EscapeForDisplay(authorities) << "; for example:\n"
                << "grpcurl -cacert " << EscapeForDisplay(ShellWord(authorities)) << " -cert "
                << EscapeForDisplay(ShellWord(certificate)) << " -key "
                << EscapeForDisplay(ShellWord(key)) << " -authority arkshare "
                << EscapeForDisplay(index) << " list\n"
                << std::flush;
  }
  console.err << "Keep " << EscapeForDisplay(key)
              << " secret: with it, a program acts as your peer until your peer is removed from "
                 "the group. Run this command again when peers have joined\n"
              << std::flush;
  return kExitDone;
}

}  // namespace arkshare
