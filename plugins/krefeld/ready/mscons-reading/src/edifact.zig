//! EDIFACT (ISO 9735, syntax 3) as a row of segments: service characters, releases, nothing of what a message means.

const std = @import("std");

pub const Error = error{Malformed};

/// The service characters, from UNA or as the standard presets them.
pub const Service = struct {
    component: u8 = ':',
    element: u8 = '+',
    decimal: u8 = '.',
    release: u8 = '?',
    terminator: u8 = '\'',
};

/// One segment, still as it was written.
pub const Segment = struct {
    tag: []const u8,
    text: []const u8,
    service: Service,

    /// A component of a data element, both counted from 0; empty if there is none. Releases are still in it.
    pub fn get(self: Segment, element: usize, component: usize) []const u8 {
        var elements: Parts = .{ .text = self.text, .separator = self.service.element, .release = self.service.release };
        const whole = elements.nth(element) orelse return "";
        var components: Parts = .{ .text = whole, .separator = self.service.component, .release = self.service.release };
        return components.nth(component) orelse "";
    }

    pub fn is(self: Segment, tag: []const u8) bool {
        return std.mem.eql(u8, self.tag, tag);
    }
};

pub const Reader = struct {
    text: []const u8,
    at: usize = 0,
    service: Service = .{},

    pub fn init(text: []const u8) Reader {
        var reader: Reader = .{ .text = text };
        if (std.mem.startsWith(u8, text, "UNA") and text.len >= 9) {
            reader.service = .{
                .component = text[3],
                .element = text[4],
                .decimal = text[5],
                .release = text[6],
                .terminator = text[8],
            };
            reader.at = 9;
        }
        return reader;
    }

    /// The next segment; null at the end. Text after the last terminator is half a segment, hence malformed.
    pub fn next(self: *Reader) Error!?Segment {
        const line_ends = "\r\n \t";
        while (self.at < self.text.len and std.mem.findScalar(u8, line_ends, self.text[self.at]) != null) self.at += 1;
        if (self.at == self.text.len) return null;
        var parts: Parts = .{
            .text = self.text[self.at..],
            .separator = self.service.terminator,
            .release = self.service.release,
        };
        const whole = parts.next() orelse return error.Malformed;
        if (parts.rest == null) return error.Malformed;
        self.at += whole.len + 1;
        if (whole.len < 3) return error.Malformed;
        for (whole[0..3]) |letter| if (!std.ascii.isUpper(letter)) return error.Malformed;
        const text = if (whole.len > 3) whole[4..] else "";
        if (whole.len > 3 and whole[3] != self.service.element) return error.Malformed;
        return .{ .tag = whole[0..3], .text = text, .service = self.service };
    }
};

/// Splits at a separator that no release precedes.
const Parts = struct {
    text: []const u8,
    separator: u8,
    release: u8,
    rest: ?usize = 0,

    fn next(self: *Parts) ?[]const u8 {
        const start = self.rest orelse return null;
        var at = start;
        while (at < self.text.len) : (at += 1) {
            if (self.text[at] == self.release and self.release != ' ') {
                at += 1;
            } else if (self.text[at] == self.separator) {
                self.rest = at + 1;
                return self.text[start..at];
            }
        }
        self.rest = null;
        return self.text[start..];
    }

    fn nth(self: *Parts, number: usize) ?[]const u8 {
        for (0..number) |_| _ = self.next() orelse return null;
        return self.next();
    }
};

/// The text without its releases.
pub fn plain(allocator: std.mem.Allocator, text: []const u8, release: u8) ![]const u8 {
    if (release == ' ' or std.mem.findScalar(u8, text, release) == null) return text;
    const into = try allocator.alloc(u8, text.len);
    var len: usize = 0;
    var at: usize = 0;
    while (at < text.len) : (at += 1) {
        if (text[at] == release and at + 1 < text.len) at += 1;
        into[len] = text[at];
        len += 1;
    }
    return into[0..len];
}

test "service characters may be others, and releases hide them" {
    var reader: Reader = .init("UNA|*,! ~FTX*a!*b|c!~d**e~\r\nUNT~");
    const segment = (try reader.next()).?;
    try std.testing.expect(segment.is("FTX"));
    try std.testing.expectEqualStrings("a!*b", segment.get(0, 0));
    try std.testing.expectEqualStrings("c!~d", segment.get(0, 1));
    try std.testing.expectEqualStrings("", segment.get(1, 0));
    try std.testing.expectEqualStrings("e", segment.get(2, 0));
    try std.testing.expectEqualStrings("", segment.get(9, 9));
    try std.testing.expectEqual(',', reader.service.decimal);
    try std.testing.expect((try reader.next()).?.is("UNT"));
    try std.testing.expectEqual(null, try reader.next());
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    try std.testing.expectEqualStrings("a*b", try plain(arena.allocator(), "a!*b", '!'));
}

test "half a segment is malformed, and so is what is no segment" {
    for ([_][]const u8{ "UNB+a", "UNB+a?'", "un'", "UNBa'", "<html>'" }) |text| {
        var reader: Reader = .init(text);
        try std.testing.expectError(error.Malformed, reader.next());
    }
}
