//! The memory of one call. It is given out from front to back and never taken back: the instance ends with the call.

const std = @import("std");
const builtin = @import("builtin");

/// Enough for an ordinary event. It is there from the start, because growing the memory costs more than the whole call.
var first: [256 * 1024]u8 align(16) = undefined;
var used: usize = 0;

pub const allocator: std.mem.Allocator = .{
    .ptr = undefined,
    .vtable = &.{ .alloc = alloc, .resize = resize, .remap = remap, .free = free },
};

fn alloc(_: *anyopaque, len: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
    const start = alignment.forward(used);
    if (start <= first.len and len <= first.len - start) {
        used = start + len;
        return first[start..].ptr;
    }
    if (!builtin.cpu.arch.isWasm()) return null;
    return std.heap.wasm_allocator.rawAlloc(len, alignment, @returnAddress());
}

/// Only what was given out last can grow or shrink where it is.
fn resize(_: *anyopaque, bytes: []u8, _: std.mem.Alignment, len: usize, _: usize) bool {
    const end = @intFromPtr(bytes.ptr) + bytes.len;
    if (end != @intFromPtr(&first) + used) return len <= bytes.len;
    const start = used - bytes.len;
    if (len > first.len - start) return false;
    used = start + len;
    return true;
}

fn remap(context: *anyopaque, bytes: []u8, alignment: std.mem.Alignment, len: usize, from: usize) ?[*]u8 {
    return if (resize(context, bytes, alignment, len, from)) bytes.ptr else null;
}

fn free(_: *anyopaque, _: []u8, _: std.mem.Alignment, _: usize) void {}

/// The function by which the host asks for room for the input.
pub fn cabiRealloc(old: ?[*]u8, old_len: usize, alignment: usize, len: usize) callconv(.c) [*]u8 {
    const new = alloc(undefined, len, .fromByteUnits(alignment), 0) orelse @trap();
    if (old) |bytes| @memcpy(new[0..@min(old_len, len)], bytes[0..@min(old_len, len)]);
    return new;
}
