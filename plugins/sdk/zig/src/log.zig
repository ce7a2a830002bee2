//! Lines for the plugin's owner. At most 64 of 1,024 bytes per call are kept. Never write payload into them.

const std = @import("std");
const abi = @import("abi.zig");

pub fn debug(comptime format: []const u8, values: anytype) void {
    write(.debug, format, values);
}

pub fn info(comptime format: []const u8, values: anytype) void {
    write(.info, format, values);
}

pub fn warn(comptime format: []const u8, values: anytype) void {
    write(.warn, format, values);
}

pub fn err(comptime format: []const u8, values: anytype) void {
    write(.@"error", format, values);
}

fn write(level: abi.Level, comptime format: []const u8, values: anytype) void {
    var buffer: [1024]u8 = undefined;
    // What does not fit is cut, as the host would cut it.
    const line = std.fmt.bufPrint(&buffer, format, values) catch &buffer;
    abi.log(level, line);
}
