//! What a call is given besides its input, and how it says no.

const std = @import("std");
const abi = @import("abi.zig");
const stadtbus = @import("stadtbus.zig");

/// The call ends with a drop or a rejection; which one stands in the context.
pub const Stopped = error{Stopped};

pub const Reason = struct { code: []const u8, text: []const u8 };

pub const Context = struct {
    /// Memory of this call. Nothing has to be freed.
    allocator: std.mem.Allocator,
    /// The `config` of the route or subscription, JSON text.
    config: []const u8 = "{}",
    /// What the plugin last stored under this input's key.
    stored: ?[]const u8 = null,

    change: Change = .unchanged,
    stop: Stop = .none,

    pub const Change = union(enum) { unchanged, put: []const u8, clear };
    pub const Stop = union(enum) { none, drop: Reason, reject: Reason };

    /// Nothing is to be published for this input, and that is right. `code` is short and stable (`a-z0-9-.`), `text` one
    /// sentence without payload.
    pub fn drop(self: *Context, code: []const u8, text: []const u8) Stopped {
        self.stop = .{ .drop = .{ .code = code, .text = text } };
        return error.Stopped;
    }

    /// The input is not usable.
    pub fn reject(self: *Context, code: []const u8, text: []const u8) Stopped {
        self.stop = .{ .reject = .{ .code = code, .text = text } };
        return error.Stopped;
    }

    /// The configuration as `T`. Rejects the input if it is another one: the operator's mistake, shown in the journey.
    pub fn configuration(self: *Context, comptime T: type) Stopped!T {
        return self.parse(T, self.config) catch
            self.reject("config-unreadable", "the configuration is not the one the plugin expects");
    }

    /// The stored state as `T`, if there is one.
    pub fn state(self: *Context, comptime T: type) Stopped!?T {
        const bytes = self.stored orelse return null;
        return self.parse(T, bytes) catch
            self.reject("state-unreadable", "the stored state is not the one the plugin expects");
    }

    /// Stores `value` as JSON, once the outputs are published.
    pub fn putState(self: *Context, value: anytype) !void {
        self.change = .{ .put = try self.toJson(value) };
    }

    pub fn clearState(self: *Context) void {
        self.change = .clear;
    }

    /// The entry of a lookup table as `T`, if there is one. `table` is a name listed under `tables` in plugin.yaml.
    pub fn lookup(self: *Context, comptime T: type, table: []const u8, key: []const u8) Stopped!?T {
        const entry = abi.lookup(table, key) orelse return null;
        return self.parse(T, entry) catch
            self.reject("table-unreadable", "an entry of the lookup table is not the one the plugin expects");
    }

    /// A list of one event.
    pub fn one(self: *Context, draft: stadtbus.Draft) ![]const stadtbus.Draft {
        return self.allocator.dupe(stadtbus.Draft, &.{draft});
    }

    /// JSON text; optional members that are null are left out.
    pub fn toJson(self: *Context, value: anytype) ![]const u8 {
        return std.json.Stringify.valueAlloc(self.allocator, value, .{ .emit_null_optional_fields = false });
    }

    pub fn parse(self: *Context, comptime T: type, text: []const u8) !T {
        return std.json.parseFromSliceLeaky(T, self.allocator, text, .{ .ignore_unknown_fields = true });
    }
};
