/// The client of a build none of whose commands needs HTTP (KEXP_COMPONENTS), in place of libcurl's.

#include <fmt/format.h>

#include "kexp/net/http_client.hpp"

namespace kexp::net {

namespace {

[[noreturn]] void refuse(const HttpRequest& request) {
  throw HttpError(ExitCode::failed, 0,
                  fmt::format("{}: this build of kexp has no HTTP client", printable_url(request.url)));
}

class NoHttpClient final : public HttpClient {
 public:
  HttpResponse request(const HttpRequest& request, std::stop_token) override { refuse(request); }
  HttpResponse stream(const HttpRequest& request, const OnBody&, std::stop_token) override {
    refuse(request);
  }
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(HttpClientOptions) { return std::make_unique<NoHttpClient>(); }

}  // namespace kexp::net
