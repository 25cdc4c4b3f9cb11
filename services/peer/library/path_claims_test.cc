#include "services/peer/library/path_claims.h"

#include <gtest/gtest.h>

#include "services/peer/testing/must.h"

namespace arkshare {
namespace {

TEST(PathClaimsTest, APathHasOneClaimAtATime) {
  PathClaims claims;
  EXPECT_FALSE(claims.Claimed("a"));
  EXPECT_TRUE(claims.Claim("a"));
  EXPECT_FALSE(claims.Claim("a"));
  EXPECT_TRUE(claims.Claimed("a"));
  EXPECT_TRUE(claims.Claim("b"));
  claims.Unclaim("a");
  claims.Unclaim("a");
  EXPECT_FALSE(claims.Claimed("a"));
  EXPECT_TRUE(claims.Claim("a"));
  EXPECT_TRUE(claims.Claimed("b"));
}

TEST(PathClaimsTest, ANameIsReservedOnceAndApartFromPaths) {
  const BookName name = Must(BookName::Parse("a"));
  PathClaims claims;
  EXPECT_TRUE(claims.ReserveName(name));
  EXPECT_FALSE(claims.ReserveName(name));
  EXPECT_FALSE(claims.Claimed("a"));
  claims.UnreserveName(name);
  EXPECT_TRUE(claims.ReserveName(name));
}

}  // namespace
}  // namespace arkshare
