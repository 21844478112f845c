#include "odd_file.hpp"

#include <algorithm>
#include <stdexcept>

namespace kexp::test {

using dataset::Handle;

OddFile::OddFile(const std::filesystem::path& path)
    : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose) {}

void OddFile::write(const std::string& path, hid_t stored, hid_t memory, const std::vector<hsize_t>& dims,
                    const void* data) {
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.get(), 1);
  const Handle space(dims.empty() ? H5Screate(H5S_SCALAR)
                                  : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                     H5Sclose);
  const Handle dataset(
      H5Dcreate2(file_.get(), path.c_str(), stored, space.get(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Dclose);
  if (!dataset || H5Dwrite(dataset.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
    throw std::runtime_error("the test's file was not written: " + path);
  }
}

OddFile& OddFile::metadata(const std::string& json, Text text) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  const char* pointer = json.c_str();
  if (text == Text::variable) {
    H5Tset_size(type.get(), H5T_VARIABLE);
    write("/metadata", type.get(), type.get(), {}, &pointer);
  } else {
    H5Tset_size(type.get(), json.size() + 1);
    write("/metadata", type.get(), type.get(), {}, pointer);
  }
  return *this;
}

OddFile& OddFile::enabled(const std::string& sensor, const std::vector<std::int64_t>& values) {
  write("/is_enabled/" + sensor, H5T_STD_I64BE, H5T_NATIVE_INT64, {values.size()}, values.data());
  return *this;
}

OddFile& OddFile::enabled_as_boolean(const std::string& sensor, const std::vector<std::int8_t>& values) {
  const Handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
  const std::int8_t no = 0;
  const std::int8_t yes = 1;
  H5Tenum_insert(type.get(), "FALSE", &no);
  H5Tenum_insert(type.get(), "TRUE", &yes);
  write("/is_enabled/" + sensor, type.get(), type.get(), {values.size()}, values.data());
  return *this;
}

OddFile& OddFile::variable(const std::string& sensor, const std::vector<Bytes>& images, hid_t byte) {
  const Handle type(H5Tvlen_create(byte), H5Tclose);
  std::vector<hvl_t> elements;
  for (const Bytes& image : images) {
    elements.push_back({image.size(), const_cast<std::uint8_t*>(image.data())});
  }
  write("/sensors/" + sensor, type.get(), type.get(), {images.size()}, elements.data());
  return *this;
}

void OddFile::write_fixed(const std::string& sensor, const std::vector<Bytes>& images, hid_t type,
                          std::size_t size) {
  Bytes padded(images.size() * size);
  for (std::size_t i = 0; i < images.size(); ++i) {
    std::copy(images[i].begin(), images[i].end(), padded.begin() + static_cast<std::ptrdiff_t>(i * size));
  }
  write("/sensors/" + sensor, type, type, {images.size()}, padded.data());
}

OddFile& OddFile::opaque(const std::string& sensor, const std::vector<Bytes>& images, std::size_t size) {
  const Handle type(H5Tcreate(H5T_OPAQUE, size), H5Tclose);
  write_fixed(sensor, images, type.get(), size);
  return *this;
}

OddFile& OddFile::byte_strings(const std::string& sensor, const std::vector<Bytes>& images,
                               std::size_t size) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), size);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  write_fixed(sensor, images, type.get(), size);
  return *this;
}

OddFile& OddFile::variable_strings(const std::string& sensor, const std::vector<std::string>& texts) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  std::vector<const char*> pointers;
  for (const std::string& text : texts) {
    pointers.push_back(text.c_str());
  }
  write("/sensors/" + sensor, type.get(), type.get(), {texts.size()}, pointers.data());
  return *this;
}

OddFile& OddFile::numbers(const std::string& sensor, const std::vector<double>& values) {
  write("/sensors/" + sensor, H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, {values.size()}, values.data());
  return *this;
}

OddFile& OddFile::group(const char* name) {
  const Handle made(H5Gcreate2(file_.get(), name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  return *this;
}

void write_small_dataset(const std::filesystem::path& path) {
  OddFile(path).metadata(R"({"n_frames": 2})").enabled("cam", {1, 1}).variable("cam", {{1, 2, 3}, {4, 5}});
}

}  // namespace kexp::test
