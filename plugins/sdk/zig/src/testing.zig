//! Call a plugin in an ordinary `zig test`, without WebAssembly. `stadtbus plugin test` runs the tests of `src/plugin.zig`.
//!
//!     test "numbers are rounded" {
//!         var call: stadtbus.testing.Call = .init(.{ .state = "3" });
//!         defer call.deinit();
//!         const events = try transform(.{ .id = "1", .source = "urn:test", .type = "t", .data = "{}" }, call.context());
//!         try std.testing.expectEqualStrings("A-1", events[0].subject.?);
//!     }
//!
//! An expected stop: `try call.expectReject("id-missing", transform(event, call.context()));`

const std = @import("std");
const abi = @import("abi.zig");
const stadtbus = @import("stadtbus.zig");

/// One entry of a lookup table, JSON text.
pub const Entry = struct { table: []const u8, key: []const u8, json: []const u8 };

pub const Given = struct {
    config: []const u8 = "{}",
    state: ?[]const u8 = null,
    entries: []const Entry = &.{},
};

var entries: []const Entry = &.{};

pub const Call = struct {
    arena: std.heap.ArenaAllocator,
    given: stadtbus.Context,

    pub fn init(given: Given) Call {
        entries = given.entries;
        return .{
            .arena = .init(std.testing.allocator),
            .given = .{ .allocator = undefined, .config = given.config, .stored = given.state },
        };
    }

    pub fn deinit(self: *Call) void {
        entries = &.{};
        self.arena.deinit();
    }

    pub fn context(self: *Call) *stadtbus.Context {
        self.given.allocator = self.arena.allocator();
        return &self.given;
    }

    /// The state the call leaves behind, JSON text.
    pub fn state(self: *const Call) ?[]const u8 {
        return switch (self.given.change) {
            .unchanged => self.given.stored,
            .put => |bytes| bytes,
            .clear => null,
        };
    }

    pub fn expectDrop(self: *const Call, code: []const u8, answer: anytype) !void {
        try std.testing.expectError(error.Stopped, answer);
        try std.testing.expectEqualStrings(code, self.given.stop.drop.code);
    }

    pub fn expectReject(self: *const Call, code: []const u8, answer: anytype) !void {
        try std.testing.expectError(error.Stopped, answer);
        try std.testing.expectEqualStrings(code, self.given.stop.reject.code);
    }
};

pub fn log(_: abi.Level, _: []const u8) void {}

pub fn lookup(table: []const u8, key: []const u8) ?[]const u8 {
    for (entries) |entry| {
        if (std.mem.eql(u8, entry.table, table) and std.mem.eql(u8, entry.key, key)) return entry.json;
    }
    return null;
}
