// How Catch2 shows a Result in the message of a failed check.
#pragma once

#include <catch2/catch.hpp>

#include "model/result.h"

namespace Catch {
template <class T>
struct StringMaker<boost::system::result<T, ballast::Error>> {
    static std::string convert(const boost::system::result<T, ballast::Error>& result) {
        return result ? "a value" : to_string(result.error().code) + ": " + to_string(result.error());
    }
};
}  // namespace Catch
