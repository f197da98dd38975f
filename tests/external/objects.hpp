// SPDX-License-Identifier: MIT
//
// What is allocated: one object for each way in which the library gives memory to a program.
//
//   namespace soak {
//     class Object;                                                           // its elements, and what they have to be
//     template<class Source> std::unique_ptr<Object> make_object(Random&);    // one of any kind
//   }
#pragma once
#include <cstddef>    // std::byte, std::size_t
#include <memory>     // std::make_unique, std::unique_ptr
#include <optional>   // std::optional
#include <random>     // std::mt19937_64
#include <span>       // std::as_bytes, std::span
#include <utility>    // std::exchange, std::move

#include "model.hpp"
#include "tamalloc/allocator.hpp"         // vector
#include "tamalloc/memory_resource.hpp"   // MemoryResource
#include "tamalloc/page_source.hpp"       // page_threshold
#include "tamalloc/residency.hpp"         // for_each_populated
#include "tamalloc/sparse_vector.hpp"     // SparseVector
#include "tamalloc/zeroed_array.hpp"      // ZeroedArray

namespace soak {

using Random = std::mt19937_64;

constexpr std::size_t mib = 1 << 20;

class Object {
public:
    Object() = default;
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    virtual ~Object() = default;

    [[nodiscard]] virtual const char* name() const = 0;
    [[nodiscard]] virtual std::span<Element> elements() noexcept = 0;
    /// What only this kind does.
    /// \throws std::bad_alloc; nothing has changed then
    virtual void change(Random& random) = 0;
    /// Frees the memory. Asks nothing of malloc, whose locks may be another thread's in a child.
    virtual void drop() noexcept = 0;
    /// \returns bytes: no more than that are in memory
    [[nodiscard]] virtual std::size_t resident() { return model.resident(); }

    /// Of every element, or of those with memory behind them, by what the kernel says.
    /// \returns the first that is not what it has to be
    /// @{
    [[nodiscard]] std::optional<Fault> check() { return model.check(elements(), 0, elements().size()); }
    [[nodiscard]] std::optional<Fault> check_populated() {
        std::optional<Fault> fault;
        const std::span<const Element> all = elements();
        const auto bytes = std::as_bytes(all);
        (void)tamalloc::for_each_populated(bytes, [&](std::span<const std::byte> extent) {
            const auto first = static_cast<std::size_t>(extent.data() - bytes.data()) / sizeof(Element);
            if (!fault) fault = model.check(all, first, first + extent.size() / sizeof(Element));
        });
        return fault;
    }
    /// @}

    Model model;
    std::size_t charged = 0;   // bytes that somebody counted for it

protected:
    // After a change of size that keeps the first elements.
    void resized(std::size_t from, std::size_t to) {
        if (to < from) model.forget(to, from);
    }
};

// Who grows it or copies it writes all of it. So it is small.
template<class Source> class Vector final : public Object {
public:
    explicit Vector(Random& random) : v_(size(random)) {}

    [[nodiscard]] const char* name() const override { return "vector with an Allocator"; }
    [[nodiscard]] std::span<Element> elements() noexcept override { return v_; }
    [[nodiscard]] std::size_t resident() override {
        return is_dense_ ? v_.capacity() * sizeof(Element) : model.resident();
    }
    void drop() noexcept override { Elements().swap(v_); }
    void change(Random& random) override {
        const auto before = v_.size();
        is_dense_ = true;
        switch (random() % 4) {
        case 0: v_.resize(size(random)); break;
        case 1: v_ = Elements(v_); break;
        case 2: v_.shrink_to_fit(); break;
        default:
            v_.resize(before / 2);
            v_.resize(before);
            resized(before, before / 2);
        }
        resized(before, v_.size());
    }

private:
    using Elements = tamalloc::vector<Element, Source>;
    [[nodiscard]] static std::size_t size(Random& random) {
        return (tamalloc::page_threshold + random() % mib) / sizeof(Element);
    }

    Elements v_;
    bool is_dense_ = false;
};

[[nodiscard]] inline std::size_t sparse_size(Random& random) {
    const auto kind = random() % 32;
    const auto most = kind == 0 ? 64 * mib : kind < 4 ? 8 * mib : mib;
    return (tamalloc::page_threshold + random() % most) / sizeof(Element);
}

template<class Source> class Sparse final : public Object {
public:
    explicit Sparse(Random& random) : v_(sparse_size(random)) {}

    [[nodiscard]] const char* name() const override { return "SparseVector"; }
    [[nodiscard]] std::span<Element> elements() noexcept override { return v_; }
    void drop() noexcept override { v_ = Elements(); }
    void change(Random& random) override {
        const auto before = v_.size();
        switch (random() % 6) {
        case 0: v_.resize(sparse_size(random)); break;
        case 1: v_ = Elements(v_); break;
        case 2: v_.shrink_to_fit(); break;
        case 3: v_.reserve(v_.capacity() + 1); break;
        case 4: v_.resize(before - before / 8); break;
        default: {
            const auto first = random() % before, last = first + random() % (before - first);
            v_.zero(first, last);
            model.forget(first, last);
        }
        }
        resized(before, v_.size());
    }

private:
    using Elements = tamalloc::SparseVector<Element, Source>;

    Elements v_;
};

template<class Source> class Array final : public Object {
public:
    explicit Array(Random& random) : a_(sparse_size(random)) {}

    [[nodiscard]] const char* name() const override { return "ZeroedArray"; }
    [[nodiscard]] std::span<Element> elements() noexcept override { return a_; }
    void drop() noexcept override { a_ = {}; }
    void change(Random&) override {
        a_.reset();
        model.forget_all();
    }

private:
    tamalloc::ZeroedArray<Element, Source> a_;
};

template<class Source> class Block final : public Object {
public:
    explicit Block(Random& random) { take(random); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() override { drop(); }

    [[nodiscard]] const char* name() const override { return "block of a MemoryResource"; }
    [[nodiscard]] std::span<Element> elements() noexcept override { return {data_, size_}; }
    void drop() noexcept override {
        if (data_ != nullptr) resource().deallocate(std::exchange(data_, nullptr), size_ * sizeof(Element), align_);
        size_ = 0;
    }
    void change(Random& random) override {   // another block first: it is refused, or the old one goes
        auto* const data = std::exchange(data_, nullptr);
        const auto size = std::exchange(size_, 0), align = align_;
        try {
            take(random);
        } catch (...) {
            data_ = data, size_ = size, align_ = align;
            throw;
        }
        resource().deallocate(data, size * sizeof(Element), align);
        model.forget_all();
    }

private:
    [[nodiscard]] static tamalloc::MemoryResource<Source>& resource() {
        static tamalloc::MemoryResource<Source> instance;
        return instance;
    }
    void take(Random& random) {
        const auto size = sparse_size(random), align = std::size_t{8} << random() % 19;   // to 2 MiB
        data_ = static_cast<Element*>(resource().allocate(size * sizeof(Element), align));
        size_ = size, align_ = align;
    }

    Element* data_ = nullptr;
    std::size_t size_ = 0, align_ = 0;
};

template<class Source> [[nodiscard]] std::unique_ptr<Object> make_object(Random& random) {
    switch (random() % 4) {
    case 0: return std::make_unique<Vector<Source>>(random);
    case 1: return std::make_unique<Sparse<Source>>(random);
    case 2: return std::make_unique<Array<Source>>(random);
    default: return std::make_unique<Block<Source>>(random);
    }
}

}   // namespace soak
