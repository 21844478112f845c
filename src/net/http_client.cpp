#include "kexp/net/http_client.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <curl/curl.h>
#include <fmt/format.h>

namespace kexp::net {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kConnectTimeout = 10s;
constexpr int kPollMs = 500;  // A wake-up ends the poll at once; this only bounds a lost one.

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

std::size_t on_body(char* data, std::size_t /*always_1*/, std::size_t size, void* response) {
  static_cast<HttpResponse*>(response)->body.append(data, size);
  return size;
}

std::size_t on_header(char* data, std::size_t /*always_1*/, std::size_t size, void* response) {
  auto& headers = static_cast<HttpResponse*>(response)->headers;
  const std::string_view line = trimmed({data, size});
  if (line.rfind("HTTP/", 0) == 0) {
    headers.clear();  // A redirect's headers are not the answer's.
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return size;
}

HeaderList make_headers(const HttpRequest& request) {
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
  for (const auto& [name, value] : request.headers) {
    append(fmt::format("{}: {}", name, value));
  }
  return list;
}

// One transfer at a time, over connections that stay open for the next.
class Transfer {
 public:
  Transfer() {
    initialize_curl_once();
    multi_.reset(curl_multi_init());
    easy_.reset(curl_easy_init());
    if (!multi_ || !easy_) {
      throw std::bad_alloc();
    }
  }

  HttpResponse perform(const HttpRequest& request, const std::stop_token& stop) {
    HttpResponse response;
    const HeaderList headers = make_headers(request);
    set_options(request, headers.get(), response);
    curl_multi_add_handle(multi_.get(), easy_.get());
    const CURLcode result = run(stop);
    if (result == CURLE_ABORTED_BY_CALLBACK) {
      throw InterruptedError(fmt::format("{} {}: stopped", request.method, printable_url(request.url)));
    }
    if (result != CURLE_OK) {
      throw HttpError(
          ExitCode::unavailable, 0,
          fmt::format("{} {}: {}", request.method, printable_url(request.url), why(result)),
          result == CURLE_OPERATION_TIMEDOUT ? HttpError::Cause::timeout : HttpError::Cause::other);
    }
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &response.status);
    return response;
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

  void set_options(const HttpRequest& request, curl_slist* headers, HttpResponse& response) {
    curl_easy_reset(easy_.get());  // Connections stay.
    error_[0] = '\0';
    set(CURLOPT_ERRORBUFFER, error_);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_USERAGENT, "kexp");
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(request.timeout, kConnectTimeout).count()));
    set(CURLOPT_FOLLOWLOCATION, 1L);
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
    if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (request.method != "GET" || !request.body.empty()) {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &response);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &response);
  }

  // CURLE_ABORTED_BY_CALLBACK stands for a stop.
  CURLcode run(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_.get()); });
    CURLcode result = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    while (running > 0 && !stop.stop_requested()) {
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) {
        result = CURLE_FAILED_INIT;
        break;
      }
      if (running > 0) {
        curl_multi_poll(multi_.get(), nullptr, 0, kPollMs, nullptr);
      }
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      result = message->data.result;
    }
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return result;
  }

  std::unique_ptr<CURLM, MultiCleanup> multi_;
  std::unique_ptr<CURL, EasyCleanup> easy_;  // After multi_: curl wants the easy handle cleaned up first.
  char error_[CURL_ERROR_SIZE] = {};
};

// As many transfers as requests ran at the same time; each keeps its connections.
class CurlHttpClient final : public HttpClient {
 public:
  HttpResponse request(const HttpRequest& request, std::stop_token stop) override {
    std::unique_ptr<Transfer> transfer = take();
    HttpResponse response = transfer->perform(request, stop);
    give_back(std::move(transfer));  // After an error it is dropped with its connection.
    return response;
  }

 private:
  std::unique_ptr<Transfer> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) {
      return std::make_unique<Transfer>();
    }
    std::unique_ptr<Transfer> transfer = std::move(idle_.back());
    idle_.pop_back();
    return transfer;
  }
  void give_back(std::unique_ptr<Transfer> transfer) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(transfer));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> idle_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client() { return std::make_unique<CurlHttpClient>(); }

}  // namespace kexp::net
