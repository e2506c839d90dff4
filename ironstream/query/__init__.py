"""What a store holds, asked for by people and programs: last values, series between two times, exports."""
