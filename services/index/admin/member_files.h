// The files with which a TLS client that is no peer connects to a group: cert.pem, key.pem, ca.pem.
#ifndef ARKSHARE_SERVICES_INDEX_ADMIN_MEMBER_FILES_H_
#define ARKSHARE_SERVICES_INDEX_ADMIN_MEMBER_FILES_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"

namespace arkshare {

// Writes the files, and makes the folder if need be. Only its owner can read key.pem. ca.pem has
// the trust anchors of `servers`, which are the keys of the index and of peers. FailedPrecondition
// when one of the files is there already; Internal when one cannot be written. Then none of them is
// new.
absl::Status WriteMemberFiles(const std::string& folder, const LeafCertificate& leaf,
                              const std::vector<PublicKey>& servers);
// Removes what WriteMemberFiles has written.
void RemoveMemberFiles(const std::string& folder);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ADMIN_MEMBER_FILES_H_
