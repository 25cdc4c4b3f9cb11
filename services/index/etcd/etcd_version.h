// Which versions of etcd lose events of a watch.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_VERSION_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_VERSION_H_

#include <absl/strings/string_view.h>

namespace arkshare {

// True below 3.5.22, and for a text that is no version. Pure.
bool LosesEvents(absl::string_view version);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_VERSION_H_
