#include "read_driver.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <span>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace kexp::dataset {

namespace {

constexpr haddr_t kMostBytes = (haddr_t{1} << 62U);

/// What HDF5 knows as the file; it fills in the base.
struct OpenFile : H5FD_t {
  explicit OpenFile(int file) : H5FD_t{}, fd(file) {}
  ~OpenFile() { ::close(fd); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int fd;
  haddr_t eoa = 0;  ///< The end by the file's own words.
  haddr_t eof = 0;
};

OpenFile& of(H5FD_t* file) { return static_cast<OpenFile&>(*file); }
const OpenFile& of(const H5FD_t* file) { return static_cast<const OpenFile&>(*file); }

/// Adds `why` to HDF5's reasons and says that the call failed.
herr_t fail(const char* why) {
  H5Epush2(H5E_DEFAULT, __FILE__, "read", __LINE__, H5E_ERR_CLS, H5E_IO, H5E_READERROR, "%s", why);
  return -1;
}

// Little-endian, as this machine.
template <typename Number>
Number number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  static_assert(std::endian::native == std::endian::little);
  Number number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

// A global heap: "GCOL", version, 3 bytes, size; then objects: index, references, 4 bytes, size, content up
// to a multiple of 8. Index 0 is what is free, its size counts its own beginning: with 0 there is no going
// on. HDF5 reads a heap's first 4 kB to learn its size, so the rest is looked up in the file. Source: HDF5
// File Format Specification 3.0, III.E "Global heap".
bool is_endless_heap(const OpenFile& file, haddr_t place, std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kHeader = 16;
  if (bytes.size() < kHeader || std::memcmp(bytes.data(), "GCOL", 4) != 0) {
    return false;
  }
  const std::uint64_t size = std::min<std::uint64_t>(number_at<std::uint64_t>(bytes, 8), file.eof - place);
  std::array<std::uint8_t, kHeader> header{};
  for (std::uint64_t at = kHeader; at + kHeader <= size;) {
    if (at + kHeader <= bytes.size()) {
      std::memcpy(header.data(), bytes.data() + at, kHeader);
    } else if (pread(file.fd, header.data(), kHeader, static_cast<off_t>(place + at)) != kHeader) {
      return false;  // HDF5 sees that when it reads on.
    }
    const auto index = number_at<std::uint16_t>(header, 0);
    const auto length = number_at<std::uint64_t>(header, 8);
    if (index == 0 && length == 0) {
      return true;
    }
    if (length > size) {
      return false;  // HDF5 sees that.
    }
    at += index == 0 ? length : kHeader + (length + 7) / 8 * 8;
  }
  return false;
}

H5FD_t* open_file(const char* name, unsigned flags, hid_t /*access*/, haddr_t /*most*/) {
  if ((flags & (H5F_ACC_RDWR | H5F_ACC_TRUNC | H5F_ACC_CREAT)) != 0) {
    return nullptr;
  }
  const int fd = ::open(name, O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0) {
    return nullptr;
  }
  auto file = std::make_unique<OpenFile>(fd);
  if (fstat(fd, &status) != 0) {
    return nullptr;
  }
  file->eof = static_cast<haddr_t>(status.st_size);
  return file.release();
}

herr_t close_file(H5FD_t* file) {
  const std::unique_ptr<OpenFile> closed(&of(file));
  return 0;
}

herr_t query(const H5FD_t* /*file*/, unsigned long* flags) {
  *flags = H5FD_FEAT_ACCUMULATE_METADATA_READ | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

herr_t read(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t at, std::size_t size,
            void* memory) {
  auto* const bytes = static_cast<std::uint8_t*>(memory);
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = pread(of(file).fd, bytes + done, size - done, static_cast<off_t>(at + done));
    if (got < 0 && errno != EINTR) {
      return fail(std::generic_category().message(errno).c_str());
    }
    if (got == 0) {
      return fail("the file has been cut short");
    }
    done += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
  return is_endless_heap(of(file), at, {bytes, size}) ? fail("damaged heap of variable-length elements") : 0;
}

herr_t write(H5FD_t* /*file*/, H5FD_mem_t /*type*/, hid_t /*transfer*/, haddr_t /*at*/, std::size_t /*size*/,
             const void* /*memory*/) {
  return -1;
}

// Fields differ between versions of HDF5, so they are set by name.
hid_t register_driver() {
  H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION  // HDF5 1.13
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(512);  // The first that HDF5 leaves to programs.
#endif
  driver.name = "kexp_read";
  driver.maxaddr = kMostBytes;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.open = open_file;
  driver.close = close_file;
  driver.query = query;
  driver.get_eoa = [](const H5FD_t* file, H5FD_mem_t) { return of(file).eoa; };
  driver.set_eoa = [](H5FD_t* file, H5FD_mem_t, haddr_t end) {
    of(file).eoa = end;
    return herr_t{0};
  };
  driver.get_eof = [](const H5FD_t* file, H5FD_mem_t) { return of(file).eof; };
  driver.read = read;
  driver.write = write;  // HDF5 takes no driver without it.
  constexpr std::array<H5FD_mem_t, H5FD_MEM_NTYPES> kKinds = H5FD_FLMAP_DICHOTOMY;
  std::copy(kKinds.begin(), kKinds.end(), std::begin(driver.fl_map));
  return H5FDregister(&driver);
}

}  // namespace

herr_t use_read_driver(hid_t access) {
  static const hid_t driver = register_driver();
  return H5Pset_driver(access, driver, nullptr);
}

}  // namespace kexp::dataset
