// arkshare-audit DIR... [--settled] [--expect ROOT:SIZE=[DIR[,DIR...]]]...
//
// Reads the shared folders and ledgers of peers, hashes every file again, and says what it finds.
// --settled: nothing may be open, as it is once every peer has run undisturbed for a while.
// --expect: exactly these folders have a visible copy of that book.
// Exit code: 0 when all is well, 1 for damage, 2 for a wrong command line or an unreadable folder.
#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tests/audit/audit.h"

namespace arkshare {
namespace {

struct Expectation {
  ContentId content;
  std::vector<std::string> folders;
};

bool ParseExpectation(const std::string& text, Expectation& expectation) {
  const std::vector<std::string> sides = absl::StrSplit(text, absl::MaxSplits('=', 1));
  const std::vector<std::string> id = absl::StrSplit(sides[0], ':');
  if (sides.size() != 2 || id.size() != 2) return false;
  absl::StatusOr<std::string> root = FromHex(id[0]);
  if (!root.ok() || !absl::SimpleAtoi(id[1], &expectation.content.size)) return false;
  absl::StatusOr<Sha256Digest> digest = DigestFromBytes(*root);
  if (!digest.ok()) return false;
  expectation.content.root = *digest;
  expectation.folders = absl::StrSplit(sides[1], ',', absl::SkipEmpty());
  return true;
}

void Print(const char* kind, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::printf("%s: %s\n", kind, line.c_str());
}

int Main(const std::vector<std::string>& arguments) {
  bool settled = false;
  std::vector<Expectation> expectations;
  std::vector<PeerDisk> peers;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--settled") {
      settled = true;
    } else if (arguments[i] == "--expect" && i + 1 < arguments.size()) {
      if (!ParseExpectation(arguments[++i], expectations.emplace_back())) {
        std::fprintf(stderr, "--expect takes ROOT:SIZE=DIR,DIR...: %s\n", arguments[i].c_str());
        return 2;
      }
    } else {
      absl::StatusOr<PeerDisk> peer = ReadPeerDisk(arguments[i]);
      if (!peer.ok()) {
        std::fprintf(stderr, "%s: %s\n", arguments[i].c_str(),
                     std::string(peer.status().message()).c_str());
        return 2;
      }
      peers.push_back(*std::move(peer));
    }
  }
  if (peers.empty()) {
    std::fprintf(stderr, "usage: arkshare-audit DIR... [--settled] [--expect ROOT:SIZE=DIR,...]\n");
    return 2;
  }
  AuditReport report = Audit(peers);
  for (const Expectation& e : expectations) Expect(peers, e.content, e.folders, report);
  Print("book", report.books);
  Print("open", report.open);
  Print("damage", report.damage);
  const bool well = report.damage.empty() && (!settled || report.open.empty());
  std::printf("%s: peers=%zu books=%zu open=%zu damage=%zu\n", well ? "well" : "NOT WELL",
              peers.size(), report.books.size(), report.open.size(), report.damage.size());
  return well ? 0 : 1;
}

}  // namespace
}  // namespace arkshare

int main(int argc, char** argv) {
  return arkshare::Main(std::vector<std::string>(argv + 1, argv + argc));
}
