// QR codes in a terminal.
#ifndef ARKSHARE_SERVICES_INDEX_ADMIN_QR_CODE_H_
#define ARKSHARE_SERVICES_INDEX_ADMIN_QR_CODE_H_

#include <absl/status/statusor.h>

#include <string>

namespace arkshare {

// Draws `text` as lines of UTF-8, one for two rows of modules, black on white by escape sequences
// (ECMA-48), with the quiet zone of 4 modules around it. Text of digits, capitals and few signs
// makes a smaller code. InvalidArgument for text that is empty or too long for a code.
absl::StatusOr<std::string> DrawQrCode(const std::string& text);

// True when the locale of the environment says that the terminal shows UTF-8.
bool IsUtf8Terminal();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ADMIN_QR_CODE_H_
