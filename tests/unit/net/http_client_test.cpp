// URLs of services that are asked; the asking itself is in tests/e2e/test_oauth.py.
#include "net/http_client.h"

#include <gtest/gtest.h>

namespace posthouse::net {
namespace {

TEST(HttpUrl, IsTakenApart) {
  const auto url = parse_http_url("https://Id.Example.org/realms/main?x=1");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "id.example.org");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->target, "/realms/main?x=1");
  EXPECT_EQ(parse_http_url("http://127.0.0.1:8080")->port, 8080);
  EXPECT_EQ(parse_http_url("http://127.0.0.1:8080")->target, "/");
  EXPECT_EQ(parse_http_url("HTTP://[::1]:81?q")->host, "::1");
  EXPECT_EQ(parse_http_url("http://[::1]:81?q")->target, "/?q");
  EXPECT_EQ(parse_http_url("http://[::1]/")->port, 80);
}

TEST(HttpUrl, OthersAreRefused) {
  for (const char* text :
       {"", "id.example.org", "ftp://a/", "https://", "https:///x", "https://a:0/", "https://a:65536/",
        "https://a:x/", "https://user@a/", "https://a/#f", "https://a/ b", "https://a/\r\nX: y",
        "https://[::1/", "https://[a]/", "https://a\"b/", "https://\xc3\xa4/", "http://a:/"}) {
    const auto url = parse_http_url(text);
    EXPECT_FALSE(url) << text;
    EXPECT_EQ(url ? FaultKind::exists : url.error().kind, FaultKind::syntax) << text;
  }
}

}  // namespace
}  // namespace posthouse::net
