#include "kexp/net/http_client.hpp"

#include <algorithm>
#include <exception>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <curl/curl.h>
#include <fmt/format.h>

namespace kexp::net {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kConnectTimeout = 10s;
constexpr milliseconds kPoll = 500ms;  // A wake-up ends the poll at once; this only bounds a lost one.
constexpr long kStreamBuffer = 256 * 1024;
constexpr std::size_t kKeptOfRefusal = 64 * 1024;

struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiCleanup {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct UrlCleanup {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCleanup>;

// Loads TLS, so it waits for the first request: most commands make none.
void initialize_curl_once() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) {
    throw HttpError(ExitCode::failed, 0, fmt::format("libcurl cannot start: {}", curl_easy_strerror(result)));
  }
}

// No proxy is ever meant for the machine itself, whatever http_proxy says.
bool is_loopback(const std::string& url) {
  const std::unique_ptr<CURLU, UrlCleanup> parsed(curl_url());
  char* host = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    return false;
  }
  const std::string name(host);
  curl_free(host);
  return name == "localhost" || name.rfind("127.", 0) == 0 || name == "[::1]";
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// What a transfer receives.
struct Reception {
  HttpResponse response;
  const OnBody* on_body = nullptr;  ///< Null: the body is kept.
  CURL* easy = nullptr;
  steady_clock::time_point last_part;
  std::exception_ptr thrown;  ///< By `on_body`: nothing may be thrown through curl.
};

bool is_good(long status) { return status >= 200 && status < 300; }

void receive_part(Reception& reception, std::span<const std::byte> part) {
  HttpResponse& response = reception.response;
  curl_easy_getinfo(reception.easy, CURLINFO_RESPONSE_CODE, &response.status);
  if (is_good(response.status)) {
    (*reception.on_body)(response, part);
    return;
  }
  std::string& body = response.body;
  body.append(reinterpret_cast<const char*>(part.data()),
              std::min(part.size(), kKeptOfRefusal - body.size()));
}

std::size_t on_part(char* data, std::size_t /*always_1*/, std::size_t size, void* user) {
  auto& reception = *static_cast<Reception*>(user);
  if (reception.on_body == nullptr) {
    reception.response.body.append(data, size);
    return size;
  }
  try {
    receive_part(reception, std::as_bytes(std::span(data, size)));
  } catch (...) {
    reception.thrown = std::current_exception();
    return size + 1;  // Not what was given: curl ends the transfer.
  }
  reception.last_part = steady_clock::now();  // The time that `on_body` took is not the server's.
  return size;
}

std::size_t on_header(char* data, std::size_t /*always_1*/, std::size_t size, void* user) {
  auto& headers = static_cast<Reception*>(user)->response.headers;
  const std::string_view line = trimmed({data, size});
  if (line.rfind("HTTP/", 0) == 0) {
    headers.clear();  // A redirect's headers are not the answer's.
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return size;
}

HeaderList make_headers(const HttpRequest& request, const HttpClientOptions& options) {
  HeaderList list;
  const auto append = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) {
      throw std::bad_alloc();
    }
    static_cast<void>(list.release());
    list.reset(longer);
  };
  append("Expect:");  // Otherwise curl waits up to 1 s for "100 Continue" before a large body.
  for (const auto* headers : {&options.headers, &request.headers}) {
    for (const auto& [name, value] : *headers) {
      append(fmt::format("{}: {}", name, value));
    }
  }
  return list;
}

bool is_about_identity(CURLcode result) {
  return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CERTPROBLEM ||
         result == CURLE_SSL_CACERT_BADFILE || result == CURLE_SSL_ISSUER_ERROR;
}

HttpError::Cause cause_of(CURLcode result) {
  if (result == CURLE_OPERATION_TIMEDOUT) {
    return HttpError::Cause::timeout;
  }
  return is_about_identity(result) ? HttpError::Cause::identity : HttpError::Cause::other;
}

// One transfer at a time, over connections that stay open for the next.
class Transfer {
 public:
  explicit Transfer(const HttpClientOptions& options) : options_(options) {
    initialize_curl_once();
    multi_.reset(curl_multi_init());
    easy_.reset(curl_easy_init());
    if (!multi_ || !easy_) {
      throw std::bad_alloc();
    }
  }

  /// Keeps the body, or gives it to `on_body` where that is not null.
  HttpResponse perform(const HttpRequest& request, const OnBody* on_body, const std::stop_token& stop) {
    Reception reception;
    reception.on_body = on_body;
    reception.easy = easy_.get();
    const HeaderList headers = make_headers(request, options_);
    set_options(request, headers.get(), reception);
    curl_multi_add_handle(multi_.get(), easy_.get());
    const CURLcode result = run(request, reception, stop);
    if (reception.thrown) {
      std::rethrow_exception(reception.thrown);
    }
    if (result == CURLE_ABORTED_BY_CALLBACK) {
      throw InterruptedError(fmt::format("{} {}: stopped", request.method, printable_url(request.url)));
    }
    if (result != CURLE_OK) {
      throw HttpError(ExitCode::unavailable, 0,
                      fmt::format("{} {}: {}", request.method, printable_url(request.url), why(result)),
                      cause_of(result));
    }
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &reception.response.status);
    return std::move(reception.response);
  }

 private:
  [[nodiscard]] std::string why(CURLcode result) const {
    std::string text = error_[0] != '\0' ? error_ : curl_easy_strerror(result);
    long os_error = 0;
    if (curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &os_error) == CURLE_OK && os_error != 0) {
      text += fmt::format(" ({})", std::generic_category().message(static_cast<int>(os_error)));
    }
    return text;
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode result = curl_easy_setopt(easy_.get(), option, value);
    if (result != CURLE_OK) {
      throw std::logic_error(
          fmt::format("curl option {}: {}", static_cast<int>(option), curl_easy_strerror(result)));
    }
  }

  void set_options(const HttpRequest& request, curl_slist* headers, Reception& reception) {
    curl_easy_reset(easy_.get());  // Connections stay.
    error_[0] = '\0';
    set(CURLOPT_ERRORBUFFER, error_);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_USERAGENT, "kexp");
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_NOSIGNAL, 1L);
    if (reception.on_body == nullptr) {
      set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    } else {
      set(CURLOPT_BUFFERSIZE, kStreamBuffer);
    }
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(request.timeout, kConnectTimeout).count()));
    set(CURLOPT_FOLLOWLOCATION, options_.headers.empty() ? 1L : 0L);
    set(CURLOPT_MAXREDIRS, 10L);
    set(CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
#if LIBCURL_VERSION_NUM >= 0x075500  // 7.85
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    set(CURLOPT_REDIR_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700  // 7.87: a stop does not wait for a name server.
    set(CURLOPT_QUICK_EXIT, 1L);
#endif
    if (is_loopback(request.url)) {
      set(CURLOPT_PROXY, "");
    }
    set_identity();
    if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (request.method != "GET" || !request.body.empty()) {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    set(CURLOPT_WRITEFUNCTION, &on_part);
    set(CURLOPT_WRITEDATA, &reception);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &reception);
  }

  void set_identity() {
    if (!options_.bearer_token.empty()) {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
      set(CURLOPT_XOAUTH2_BEARER, options_.bearer_token.c_str());
    } else if (!options_.user.empty()) {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      set(CURLOPT_USERNAME, options_.user.c_str());
      set(CURLOPT_PASSWORD, options_.password.c_str());
    }
    if (!options_.ca_file.empty()) {
      set(CURLOPT_CAINFO, options_.ca_file.c_str());
    }
    if (!options_.client_certificate.empty()) {
      set(CURLOPT_SSLCERT, options_.client_certificate.c_str());
      set(CURLOPT_SSLKEY, options_.client_key.c_str());
    }
    if (options_.verify_server == HttpClientOptions::VerifyServer::no) {
      set(CURLOPT_SSL_VERIFYPEER, 0L);
      set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }

  // CURLE_ABORTED_BY_CALLBACK stands for a stop.
  CURLcode run(const HttpRequest& request, Reception& reception, const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_.get()); });
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    reception.last_part = steady_clock::now();
    while (running > 0 && !stop.stop_requested()) {
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) {
        result = CURLE_FAILED_INIT;
        break;
      }
      const auto left =
          reception.on_body == nullptr
              ? kPoll
              : std::chrono::ceil<milliseconds>(reception.last_part + request.timeout - steady_clock::now());
      if (running > 0 && left <= 0ms) {
        result = CURLE_OPERATION_TIMEDOUT;
        break;
      }
      if (running > 0) {
        curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(std::min(kPoll, left).count()), nullptr);
      }
    }
    int queued = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &queued)) {
      result = message->data.result;
    }
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return result;
  }

  const HttpClientOptions& options_;
  std::unique_ptr<CURLM, MultiCleanup> multi_;
  std::unique_ptr<CURL, EasyCleanup> easy_;  // After multi_: curl wants the easy handle cleaned up first.
  char error_[CURL_ERROR_SIZE] = {};
};

// As many transfers as requests ran at the same time; each keeps its connections.
class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(HttpClientOptions options) : options_(std::move(options)) {}

  HttpResponse request(const HttpRequest& request, std::stop_token stop) override {
    return perform(request, nullptr, stop);
  }
  HttpResponse stream(const HttpRequest& request, const OnBody& on_body, std::stop_token stop) override {
    return perform(request, &on_body, stop);
  }

 private:
  HttpResponse perform(const HttpRequest& request, const OnBody* on_body, const std::stop_token& stop) {
    std::unique_ptr<Transfer> transfer = take();
    HttpResponse response = transfer->perform(request, on_body, stop);
    give_back(std::move(transfer));  // After an error it is dropped with its connection.
    return response;
  }
  std::unique_ptr<Transfer> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) {
      return std::make_unique<Transfer>(options_);
    }
    std::unique_ptr<Transfer> transfer = std::move(idle_.back());
    idle_.pop_back();
    return transfer;
  }
  void give_back(std::unique_ptr<Transfer> transfer) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(transfer));
  }

  const HttpClientOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> idle_;
};

void check_readable(const std::filesystem::path& file, std::string_view what) {
  if (!file.empty() && !std::ifstream(file)) {
    throw UsageError(fmt::format("the {} {} cannot be read", what, file.string()));
  }
}

void check_one_line(const std::string& text, std::string_view what) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    throw UsageError(fmt::format("the {} must be one line of text", what));
  }
}

void check(const HttpClientOptions& options) {
  check_readable(options.ca_file, "CA file");
  check_readable(options.client_certificate, "client certificate");
  check_readable(options.client_key, "client key");
  if (options.client_certificate.empty() != options.client_key.empty()) {
    throw UsageError("a client certificate and its key belong together: give both or none");
  }
  if (!options.bearer_token.empty() && !options.user.empty()) {
    throw UsageError("give a bearer token or a user with a password, not both");
  }
  check_one_line(options.bearer_token, "bearer token");
  check_one_line(options.user + options.password, "user or password");
  for (const auto& [name, value] : options.headers) {
    check_one_line(name, "name of a header");
    check_one_line(value, fmt::format("header {}", name));
  }
}

}  // namespace

std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options) {
  check(options);
  return std::make_unique<CurlHttpClient>(std::move(options));
}

}  // namespace kexp::net
