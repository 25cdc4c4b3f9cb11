// Whether a file can be taken out of its folder.
#ifndef ARKSHARE_SERVICES_PEER_DISK_REMOVAL_CHECK_H_
#define ARKSHARE_SERVICES_PEER_DISK_REMOVAL_CHECK_H_

#include <string>

namespace arkshare {

// Returns why this process cannot rename `name`, in the open folder `folder`, into another folder
// of the file system; words that follow "only lent: ". Empty when nothing is known against it: only
// the rename itself proves it. With an empty name, only what is true of all files in the folder.
// `root` is an open folder of the place where the file would go.
std::string WhyNotRemovable(int root, int folder, const std::string& name);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_REMOVAL_CHECK_H_
