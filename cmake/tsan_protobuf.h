// Included first into every file of a TSan build.
//
// protobuf 3.21's MapFieldBase has two more members where __SANITIZE_THREAD__ is defined, and the
// installed libprotobuf is built without: each side would look for the other's members in the wrong
// place.
#ifndef ARKSHARE_CMAKE_TSAN_PROTOBUF_H_
#define ARKSHARE_CMAKE_TSAN_PROTOBUF_H_

#include <cstddef>  // libstdc++ has seen the macro, and keeps its own note of it.

#undef __SANITIZE_THREAD__

#endif  // ARKSHARE_CMAKE_TSAN_PROTOBUF_H_
