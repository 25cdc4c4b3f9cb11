// Headers that tell browsers how little a page of ours may do.
#ifndef ARKSHARE_LIB_HTTP_SECURITY_HEADERS_H_
#define ARKSHARE_LIB_HTTP_SECURITY_HEADERS_H_

#include "lib/http/message.h"

namespace arkshare {

// Adds the headers to an answer, except those that it has.
void AddSecurityHeaders(HttpResponse& response);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_SECURITY_HEADERS_H_
