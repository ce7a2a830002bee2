//! The canonical ABI of `stadtbus:plugin@1.0.0`, by hand: records lie in memory as the C structs of the same members,
//! an option or variant is a byte that names the case and then the case.

const std = @import("std");
const builtin = @import("builtin");
const memory = @import("memory.zig");
const stadtbus = @import("stadtbus.zig");
const testing = @import("testing.zig");

const Context = stadtbus.Context;
const in_sandbox = builtin.cpu.arch.isWasm();

pub const Level = enum(u32) { debug, info, warn, @"error" };

/// The functions of the host; the name of an interface carries the version of the package.
const host = struct {
    const version = @import("interface").version;
    const write = @extern(*const fn (level: Level, at: [*]const u8, len: usize) callconv(.c) void, .{
        .name = "write",
        .library_name = "stadtbus:plugin/log@" ++ version,
    });
    const get = @extern(*const fn (
        table: [*]const u8,
        table_len: usize,
        key: [*]const u8,
        key_len: usize,
        into: *OptionalBytes,
    ) callconv(.c) void, .{
        .name = "get",
        .library_name = "stadtbus:plugin/lookup@" ++ version,
    });
};

pub fn log(level: Level, line: []const u8) void {
    if (!in_sandbox) return testing.log(level, line);
    host.write(level, line.ptr, line.len);
}

pub fn lookup(table: []const u8, key: []const u8) ?[]const u8 {
    if (!in_sandbox) return testing.lookup(table, key);
    var found: OptionalBytes = undefined;
    host.get(table.ptr, table.len, key.ptr, key.len, &found);
    return found.slice();
}

/// Where empty lists lie: their address counts as well, and Zig's allocators give them one beyond the end of the memory.
const nothing: [1]u64 = .{0};

const Bytes = extern struct {
    at: [*]const u8,
    len: usize,

    fn of(bytes: []const u8) Bytes {
        return .{ .at = if (bytes.len == 0) @ptrCast(&nothing) else bytes.ptr, .len = bytes.len };
    }

    fn slice(self: Bytes) []const u8 {
        return self.at[0..self.len];
    }
};

const OptionalBytes = extern struct {
    present: u8,
    bytes: Bytes = undefined,

    fn of(bytes: ?[]const u8) OptionalBytes {
        return if (bytes) |some| .{ .present = 1, .bytes = .of(some) } else .{ .present = 0 };
    }

    fn slice(self: OptionalBytes) ?[]const u8 {
        return if (self.present == 0) null else self.bytes.slice();
    }
};

fn List(comptime T: type) type {
    return extern struct {
        at: [*]const T,
        len: usize,

        fn of(items: []const T) @This() {
            return .{ .at = if (items.len == 0) @ptrCast(&nothing) else items.ptr, .len = items.len };
        }
    };
}

const Attribute = extern struct { name: Bytes, value: Bytes };

const Event = extern struct {
    id: Bytes,
    source: Bytes,
    type: Bytes,
    subject: OptionalBytes,
    time: OptionalBytes,
    datacontenttype: OptionalBytes,
    dataschema: OptionalBytes,
    extensions: List(Attribute),
    data: OptionalBytes,

    fn lift(self: *const Event) error{OutOfMemory}!stadtbus.Event {
        const extensions = try memory.allocator.alloc(stadtbus.Attribute, self.extensions.len);
        for (extensions, self.extensions.at) |*into, each| {
            into.* = .{ .name = each.name.slice(), .value = each.value.slice() };
        }
        return .{
            .id = self.id.slice(),
            .source = self.source.slice(),
            .type = self.type.slice(),
            .subject = self.subject.slice(),
            .time = self.time.slice(),
            .datacontenttype = self.datacontenttype.slice(),
            .dataschema = self.dataschema.slice(),
            .extensions = extensions,
            .data = self.data.slice(),
        };
    }
};

/// The parameters of `transform` and `encode`: too many to be passed one by one, so they lie in memory.
const EventCall = extern struct { event: Event, config: Bytes, state: OptionalBytes };

const Draft = extern struct {
    key: OptionalBytes,
    type: Bytes,
    subject: OptionalBytes,
    time: OptionalBytes,
    datacontenttype: OptionalBytes,
    dataschema: OptionalBytes,
    extensions: List(Attribute),
    data: OptionalBytes,

    fn lower(draft: stadtbus.Draft) error{OutOfMemory}!Draft {
        return .{
            .key = .of(draft.key),
            .type = .of(draft.type),
            .subject = .of(draft.subject),
            .time = .of(draft.time),
            .datacontenttype = .of(draft.datacontenttype),
            .dataschema = .of(draft.dataschema),
            .extensions = try attributes(draft.extensions),
            .data = .of(draft.data),
        };
    }
};

const Reason = extern struct { code: Bytes, text: Bytes };
const Encoded = extern struct { content_type: Bytes, headers: List(Attribute), body: Bytes };

/// A verdict and a change of state. `Success` is the first case of the verdict.
fn Answer(comptime Success: type) type {
    return extern struct {
        verdict: u8,
        case: extern union { success: Success, reason: Reason },
        change: u8 = 0,
        state: Bytes = undefined,

        fn succeeded(success: Success) @This() {
            return .{ .verdict = 0, .case = .{ .success = success } };
        }

        fn stopped(context: *const Context, cause: anyerror) @This() {
            const number: u8, const reason = switch (context.stop) {
                .drop => |reason| .{ 1, reason },
                .reject => |reason| .{ 2, reason },
                // The name of an error is the author's word, never payload.
                .none => {
                    stadtbus.log.err("error.{s}", .{@errorName(cause)});
                    @trap();
                },
            };
            if (cause != error.Stopped) @trap();
            return .{
                .verdict = number,
                .case = .{ .reason = .{ .code = .of(reason.code), .text = .of(reason.text) } },
            };
        }

        /// Lays it where the host can read it, with what becomes of the state.
        fn lay(self: @This(), context: *const Context) *const @This() {
            const into = memory.allocator.create(@This()) catch @trap();
            into.* = self;
            switch (context.change) {
                .unchanged => {},
                .put => |bytes| {
                    into.change = 1;
                    into.state = .of(bytes);
                },
                .clear => into.change = 2,
            }
            return into;
        }
    };
}

const Drafts = Answer(List(Draft));
const Message = Answer(Encoded);

fn attributes(list: []const stadtbus.Attribute) error{OutOfMemory}!List(Attribute) {
    const lowered = try memory.allocator.alloc(Attribute, list.len);
    for (lowered, list) |*into, each| {
        into.* = .{ .name = .of(each.name), .value = .of(each.value) };
    }
    return .of(lowered);
}

fn publish(answer: anyerror![]const stadtbus.Draft, context: *const Context) *const Drafts {
    const drafts = answer catch |cause| return Drafts.stopped(context, cause).lay(context);
    const lowered = memory.allocator.alloc(Draft, drafts.len) catch @trap();
    for (lowered, drafts) |*into, draft| into.* = Draft.lower(draft) catch @trap();
    return Drafts.succeeded(.of(lowered)).lay(context);
}

pub fn Decoder(comptime plugin: anytype) type {
    return struct {
        pub fn decode(
            content_type: [*]const u8,
            content_type_len: usize,
            received: [*]const u8,
            received_len: usize,
            bytes: [*]const u8,
            bytes_len: usize,
            config: [*]const u8,
            config_len: usize,
            has_state: u32,
            state: [*]const u8,
            state_len: usize,
        ) callconv(.c) *const Drafts {
            var context: Context = .{
                .allocator = memory.allocator,
                .config = config[0..config_len],
                .stored = if (has_state == 0) null else state[0..state_len],
            };
            const raw: stadtbus.Raw = .{
                .content_type = content_type[0..content_type_len],
                .received = received[0..received_len],
                .bytes = bytes[0..bytes_len],
            };
            return publish(plugin(raw, &context), &context);
        }
    };
}

pub fn Transformer(comptime plugin: anytype) type {
    return struct {
        pub fn transform(call: *const EventCall) callconv(.c) *const Drafts {
            var context = contextOf(call);
            const event = call.event.lift() catch @trap();
            return publish(plugin(event, &context), &context);
        }
    };
}

pub fn Encoder(comptime plugin: anytype) type {
    return struct {
        pub fn encode(call: *const EventCall) callconv(.c) *const Message {
            var context = contextOf(call);
            const event = call.event.lift() catch @trap();
            const answer: anyerror!stadtbus.Encoded = plugin(event, &context);
            const message = answer catch |cause| return Message.stopped(&context, cause).lay(&context);
            return Message.succeeded(.{
                .content_type = .of(message.content_type),
                .headers = attributes(message.headers) catch @trap(),
                .body = .of(message.body),
            }).lay(&context);
        }
    };
}

fn contextOf(call: *const EventCall) Context {
    return .{
        .allocator = memory.allocator,
        .config = call.config.slice(),
        .stored = call.state.slice(),
    };
}

comptime {
    if (in_sandbox) @export(&memory.cabiRealloc, .{ .name = "cabi_realloc" });
}
