// The files with which a TLS client that is no peer connects to a group: cert.pem, key.pem, ca.pem.
#ifndef ARKSHARE_LIB_FILES_TLS_FOLDER_H_
#define ARKSHARE_LIB_FILES_TLS_FOLDER_H_

#include <absl/status/status.h>

#include <string>

#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"

namespace arkshare {

// Paths in a folder.
std::string CertificateFileIn(const std::string& folder);
std::string PrivateKeyFileIn(const std::string& folder);
std::string AuthoritiesFileIn(const std::string& folder);

// Writes the three files durably, and makes the folder if need be. Only its owner can read key.pem.
// `authorities`: trust anchors (MakeTrustAnchor), PEM. Files of an earlier call for the same key
// `own`, which cert.pem shows, are replaced; with null, none are.
//
// FailedPrecondition when one of the files is there already and may not be replaced; Internal when
// one cannot be written: then a folder that had none of them has none now.
absl::Status WriteTlsFolder(const std::string& folder, const LeafCertificate& leaf,
                            const std::string& authorities, const PublicKey* own);
// Removes what WriteTlsFolder has written.
void RemoveTlsFolder(const std::string& folder);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_FILES_TLS_FOLDER_H_
