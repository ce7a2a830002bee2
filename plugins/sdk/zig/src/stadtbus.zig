//! Write plugins for the city event bus *Stadtbus* in Zig.
//!
//! A plugin is a pure function: it is given one input, its configuration, lookup tables and its own state, and answers
//! with events (or an encoded message), a drop or a rejection. It has no clock, no randomness, no files and no network.
//!
//!     const stadtbus = @import("stadtbus");
//!
//!     comptime {
//!         stadtbus.exportTransform(transform);
//!     }
//!
//!     const Outage = struct { id: []const u8, revision: u32, customers: u64 };
//!
//!     fn transform(event: stadtbus.Event, context: *stadtbus.Context) ![]const stadtbus.Draft {
//!         const outage = try event.json(Outage, context); // rejects what it cannot read
//!         if (outage.revision <= try context.state(u32) orelse 0)
//!             return context.drop("outdated-revision", "a newer revision was already published");
//!         try context.putState(outage.revision);
//!         return context.one(.{
//!             .type = "de.krefeld.swk.outage.public.v1",
//!             .subject = outage.id,
//!             .data = try context.toJson(.{ .id = outage.id }),
//!         });
//!     }
//!
//! Any error but the two of `drop` and `reject` ends the call with SB-4103; its name is logged. Every call runs in a fresh
//! instance: nothing has to be freed, and no variable survives.

const std = @import("std");
const builtin = @import("builtin");

const abi = @import("abi.zig");

pub const Context = @import("context.zig").Context;
pub const Stopped = @import("context.zig").Stopped;
pub const log = @import("log.zig");
pub const testing = @import("testing.zig");

/// One named value: an extension attribute of an event, or a header of an encoded message.
pub const Attribute = struct { name: []const u8, value: []const u8 };

/// An event as the bus accepted it: a CloudEvent 1.0.
pub const Event = struct {
    id: []const u8,
    source: []const u8,
    type: []const u8,
    subject: ?[]const u8 = null,
    /// RFC 3339, exactly as the publisher spelled it.
    time: ?[]const u8 = null,
    datacontenttype: ?[]const u8 = null,
    dataschema: ?[]const u8 = null,
    extensions: []const Attribute = &.{},
    /// The payload, byte for byte as received. Absent is not the same as empty.
    data: ?[]const u8 = null,

    /// The data as `T`; members `T` does not name are passed over. Rejects the event if they are not such JSON.
    pub fn json(self: Event, comptime T: type, context: *Context) Stopped!T {
        return context.parse(T, self.data orelse "") catch
            context.reject("data-unreadable", "the data of the event are not the JSON the plugin expects");
    }

    pub fn extension(self: Event, name: []const u8) ?[]const u8 {
        for (self.extensions) |each| {
            if (std.mem.eql(u8, each.name, name)) return each.value;
        }
        return null;
    }
};

/// A message in a foreign format, as the route received it.
pub const Raw = struct {
    content_type: []const u8,
    /// When the bus received it, RFC 3339 in UTC: the only "now" there is.
    received: []const u8,
    bytes: []const u8,

    /// The message as `T`. Rejects it if it is not such JSON.
    pub fn json(self: Raw, comptime T: type, context: *Context) Stopped!T {
        return context.parse(T, self.bytes) catch
            context.reject("json-unreadable", "the message is not the JSON the plugin expects");
    }
};

/// An event to be published. The bus sets `id`, `source` and `causationid`.
pub const Draft = struct {
    /// Must be listed under `produces` in plugin.yaml.
    type: []const u8,
    /// Makes the same fact the same event when the input is sent again.
    key: ?[]const u8 = null,
    subject: ?[]const u8 = null,
    time: ?[]const u8 = null,
    /// Absent with data: `application/json`.
    datacontenttype: ?[]const u8 = null,
    dataschema: ?[]const u8 = null,
    extensions: []const Attribute = &.{},
    data: ?[]const u8 = null,
};

/// A message for a receiver.
pub const Encoded = struct {
    content_type: []const u8,
    headers: []const Attribute = &.{},
    body: []const u8,
};

pub const Decode = fn (Raw, *Context) anyerror![]const Draft;
pub const Transform = fn (Event, *Context) anyerror![]const Draft;
pub const Encode = fn (Event, *Context) anyerror!Encoded;

/// Makes `plugin` the plugin of the role `decode`.
pub fn exportDecode(comptime plugin: anytype) void {
    if (!builtin.cpu.arch.isWasm()) return;
    @export(&abi.Decoder(plugin).decode, .{ .name = "decode" });
}

/// Makes `plugin` the plugin of the role `transform`.
pub fn exportTransform(comptime plugin: anytype) void {
    if (!builtin.cpu.arch.isWasm()) return;
    @export(&abi.Transformer(plugin).transform, .{ .name = "transform" });
}

/// Makes `plugin` the plugin of the role `encode`.
pub fn exportEncode(comptime plugin: anytype) void {
    if (!builtin.cpu.arch.isWasm()) return;
    @export(&abi.Encoder(plugin).encode, .{ .name = "encode" });
}
