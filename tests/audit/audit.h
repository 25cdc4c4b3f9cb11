// Checks the folders and ledgers of peers: rules that hold whatever was killed when.
#ifndef ARKSHARE_TESTS_AUDIT_AUDIT_H_
#define ARKSHARE_TESTS_AUDIT_AUDIT_H_

#include <map>
#include <string>
#include <vector>

#include "tests/audit/peer_disk.h"

namespace arkshare {

struct AuditReport {
  // States that no order of steps, crashes and hand edits can explain.
  std::vector<std::string> damage;
  // Things that a peer still has to end or to notice: none may be left once all is quiet.
  std::vector<std::string> open;
  // A line for each book, for people.
  std::vector<std::string> books;
};

// Peers that are named in a ledger and are not among `peers` are taken at their word.
AuditReport Audit(const std::vector<PeerDisk>& peers);

// Checks that exactly these folders have a verified, visible copy of the content; the damage names
// the others that have one, and those that have none.
void Expect(const std::vector<PeerDisk>& peers, const ContentId& content,
            const std::vector<std::string>& folders, AuditReport& report);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_AUDIT_AUDIT_H_
