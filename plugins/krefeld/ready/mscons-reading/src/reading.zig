//! What MSCONS says, and whether it says all of it.

const std = @import("std");
const edifact = @import("edifact.zig");

const Segment = edifact.Segment;

pub const Reading = struct {
    /// Sender and reference of the interchange (UNB), reference of the message (UNH), number within the message.
    sender: []const u8,
    interchange: []const u8,
    message: []const u8,
    number: usize,
    /// Metering or market location.
    location: []const u8,
    /// OBIS code.
    register: []const u8,
    /// Digits with a full stop.
    value: []const u8,
    quality: []const u8,
    /// RFC 3339, UTC.
    at: []const u8,
};

pub const Error = error{ OutOfMemory, Malformed, NotMscons, Value };

/// Reads all readings of an interchange.
pub fn read(bytes: []const u8, allocator: std.mem.Allocator, into: *std.ArrayList(Reading)) Error!void {
    var interchange: Interchange = .{ .reader = .init(bytes), .allocator = allocator, .readings = into };
    const head = try interchange.reader.next() orelse return error.Malformed;
    if (!head.is("UNB")) return error.Malformed;
    interchange.sender = try interchange.text(head.get(1, 0));
    interchange.reference = try interchange.text(head.get(4, 0));
    var messages: usize = 0;
    while (try interchange.reader.next()) |segment| {
        if (segment.is("UNZ")) {
            const is_end = try interchange.reader.next() == null;
            const reference = try interchange.text(segment.get(1, 0));
            const complete = messages == try count(segment.get(0, 0)) and std.mem.eql(u8, reference, interchange.reference);
            return if (is_end and complete) {} else error.Malformed;
        }
        if (!segment.is("UNH")) return error.Malformed;
        messages += 1;
        try interchange.message(segment);
    }
    return error.Malformed;
}

const Interchange = struct {
    reader: edifact.Reader,
    allocator: std.mem.Allocator,
    readings: *std.ArrayList(Reading),
    sender: []const u8 = "",
    reference: []const u8 = "",

    fn message(self: *Interchange, head: Segment) Error!void {
        // MSCONS:D:04B:UN:2.5
        if (!std.mem.eql(u8, head.get(1, 0), "MSCONS") or !std.mem.startsWith(u8, head.get(1, 4), "2.")) return error.NotMscons;
        const name = try self.text(head.get(0, 0));
        var segments: usize = 1;
        var number: usize = 0;
        var location: []const u8 = "";
        var register: []const u8 = "";
        var open: ?Reading = null;
        while (try self.reader.next()) |segment| {
            segments += 1;
            if (segment.is("LOC") and std.mem.eql(u8, segment.get(0, 0), "172")) {
                try self.close(&open);
                location = try self.text(segment.get(1, 0));
                register = "";
            } else if (segment.is("LIN") or segment.is("NAD")) {
                try self.close(&open);
                register = "";
            } else if (segment.is("PIA") and std.mem.eql(u8, segment.get(0, 0), "5")) {
                register = try self.text(segment.get(1, 0));
            } else if (segment.is("QTY")) {
                try self.close(&open);
                number += 1;
                open = .{
                    .sender = self.sender,
                    .interchange = self.reference,
                    .message = name,
                    .number = number,
                    .location = location,
                    .register = register,
                    .value = try self.decimal(segment.get(0, 1)),
                    .quality = quality(segment.get(0, 0)),
                    .at = "",
                };
            } else if (segment.is("DTM") and open != null) {
                // 9: when it was read; 7: from when on it holds. The first one counts.
                const kind = segment.get(0, 0);
                const counts = std.mem.eql(u8, kind, "9") or std.mem.eql(u8, kind, "7");
                if (counts and open.?.at.len == 0) open.?.at = try self.time(segment.get(0, 1), segment.get(0, 2));
            } else if (segment.is("UNT")) {
                try self.close(&open);
                const complete = segments == try count(segment.get(0, 0)) and std.mem.eql(u8, name, try self.text(segment.get(1, 0)));
                return if (complete) {} else error.Malformed;
            } else if (segment.is("UNH") or segment.is("UNZ")) {
                return error.Malformed;
            }
        }
        return error.Malformed;
    }

    /// A quantity without a time is a consumption of a period, not a reading: not what this plugin reports.
    fn close(self: *Interchange, open: *?Reading) Error!void {
        const reading = open.* orelse return;
        open.* = null;
        if (reading.at.len > 0) try self.readings.append(self.allocator, reading);
    }

    fn text(self: *Interchange, written: []const u8) Error![]const u8 {
        const bytes = try edifact.plain(self.allocator, written, self.reader.service.release);
        // Names and codes are ASCII in all EDI@Energy formats; the rest of UNOC is not needed.
        for (bytes) |byte| if (byte < 0x20 or byte > 0x7e) return error.Malformed;
        return bytes;
    }

    /// A decimal number in the form of JSON, with the digits as they are.
    fn decimal(self: *Interchange, written: []const u8) Error![]const u8 {
        const digits = try self.allocator.dupe(u8, try self.text(written));
        for (digits) |*byte| if (byte.* == self.reader.service.decimal or byte.* == ',') {
            byte.* = '.';
        };
        return if (std.json.validate(self.allocator, digits) catch false)
            if (std.ascii.isDigit(digits[digits.len - 1])) digits else error.Value
        else
            error.Value;
    }

    /// Format 303, `CCYYMMDDHHMMZZZ` with the zone in hours, as RFC 3339 in UTC.
    fn time(self: *Interchange, written: []const u8, format: []const u8) Error![]const u8 {
        const stamp = try self.text(written);
        if (!std.mem.eql(u8, format, "303") or stamp.len != 15) return error.Value;
        const year = try field(stamp[0..4], 1970, 2999);
        const month: u4 = @intCast(try field(stamp[4..6], 1, 12));
        const day = try field(stamp[6..8], 1, daysOf(@intCast(year), month));
        const hour = try field(stamp[8..10], 0, 23);
        const minute = try field(stamp[10..12], 0, 59);
        const zone = try field(stamp[13..15], 0, 14);
        const west = switch (stamp[12]) {
            '+' => false,
            '-' => true,
            else => return error.Value,
        };
        const hours = (days(year, month, day) * 24) + hour;
        return rfc3339(self.allocator, if (west) hours + zone else std.math.sub(u32, hours, zone) catch return error.Value, minute);
    }
};

fn quality(qualifier: []const u8) []const u8 {
    if (std.mem.eql(u8, qualifier, "220")) return "measured";
    if (std.mem.eql(u8, qualifier, "67")) return "substitute";
    if (std.mem.eql(u8, qualifier, "187")) return "forecast";
    return "other";
}

fn count(written: []const u8) Error!usize {
    return std.fmt.parseInt(usize, written, 10) catch error.Malformed;
}

fn field(digits: []const u8, min: u32, max: u32) Error!u32 {
    for (digits) |digit| if (!std.ascii.isDigit(digit)) return error.Value;
    const value = std.fmt.parseInt(u32, digits, 10) catch return error.Value;
    return if (value < min or value > max) error.Value else value;
}

fn daysOf(year: u16, month: u4) u32 {
    return std.time.epoch.getDaysInMonth(year, @enumFromInt(month));
}

/// Days from 1970-01-01.
fn days(year: u32, month: u4, day: u32) u32 {
    var sum: u32 = day - 1;
    for (1970..year) |each| sum += std.time.epoch.getDaysInYear(@intCast(each));
    for (1..month) |each| sum += daysOf(@intCast(year), @intCast(each));
    return sum;
}

fn rfc3339(allocator: std.mem.Allocator, hours: u32, minute: u32) Error![]const u8 {
    const day: std.time.epoch.EpochDay = .{ .day = @intCast(hours / 24) };
    const year = day.calculateYearDay();
    const month = year.calculateMonthDay();
    return allocator.print("{d:0>4}-{d:0>2}-{d:0>2}T{d:0>2}:{d:0>2}:00Z", .{
        year.year, month.month.numeric(), month.day_index + 1, hours % 24, minute,
    });
}

fn readAll(arena: *std.heap.ArenaAllocator, text: []const u8) Error![]Reading {
    var readings: std.ArrayList(Reading) = .empty;
    try read(text, arena.allocator(), &readings);
    return readings.items;
}

const start = "UNB+UNOC:3+S:500+R:500+261123:0815+REF'UNH+1+MSCONS:D:04B:UN:2.5'LOC+172+DE1'LIN+1'PIA+5+1-1?:1.8.0:SRW'";

test "times are turned into UTC, over the ends of days and years" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const cases = [_][2][]const u8{
        .{ "202611222300?+00", "2026-11-22T23:00:00Z" },
        .{ "202701010030?+01", "2026-12-31T23:30:00Z" },
        .{ "202802282330-01", "2028-02-29T00:30:00Z" },
    };
    for (cases) |case| {
        const text = try arena.allocator().print("{s}QTY+220:1'DTM+9:{s}:303'UNT+7+1'UNZ+1+REF'", .{ start, case[0] });
        const readings = try readAll(&arena, text);
        try std.testing.expectEqualStrings(case[1], readings[0].at);
    }
}

test "values keep their digits, and what is no value is refused" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const cases = [_]struct { []const u8, ?[]const u8 }{
        .{ "1842.500", "1842.500" }, .{ "0,5", "0.5" },      .{ "-3", "-3" }, .{ "1e5x", null },
        .{ "", null },               .{ "\"1842\"", null }, .{ "1.", null }, .{ "null", null },
    };
    for (cases) |case| {
        const text = try arena.allocator().print("{s}QTY+67:{s}'DTM+9:202611222300?+00:303'UNT+7+1'UNZ+1+REF'", .{ start, case[0] });
        if (case[1]) |value| {
            const readings = try readAll(&arena, text);
            try std.testing.expectEqualStrings(value, readings[0].value);
            try std.testing.expectEqualStrings("substitute", readings[0].quality);
        } else {
            try std.testing.expectError(error.Value, readAll(&arena, text));
        }
    }
}

test "whatever is missing at the end is noticed" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const whole = @embedFile("samples/zaehlerstand.edi");
    try std.testing.expectEqual(1, (try readAll(&arena, whole)).len);
    const end = std.mem.trimEnd(u8, whole, "\r\n ").len;
    for (0..end) |len| try std.testing.expectError(error.Malformed, readAll(&arena, whole[0..len]));
}

test "another message is told apart" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    try std.testing.expectError(error.NotMscons, readAll(&arena, "UNB+UNOC:3+S+R+1+REF'UNH+1+UTILMD:D:11A:UN:S1.1'UNT+2+1'UNZ+1+REF'"));
}
